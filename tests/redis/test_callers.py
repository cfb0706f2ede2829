"""What stands for a caller's number: the same everywhere, and never the number."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hotline.callers import Callers
from hotline.store import Store

NUMBER = "+84901234567"


async def test_all_services_of_an_installation_know_a_caller_by_the_same_hash(
    shared_server: Any, redis: Any, connect: Callable[..., Awaitable[Store]]
) -> None:
    one, other = [Callers(await connect(shared_server.port), region="VN") for _ in range(2)]
    nam = await one.opaque(NUMBER)
    assert nam == await other.opaque("0901234567")
    assert nam != await other.opaque("+84907654321")
    redis("FLUSHALL")
    assert nam != await Callers(await connect(shared_server.port), region="VN").opaque(NUMBER)


async def test_the_number_is_not_in_it(store: Store) -> None:
    assert "901234567" not in await Callers(store, region="VN").opaque(NUMBER)


@pytest.mark.parametrize("number", ["", "0", "+", "0000000000"])
async def test_who_hides_the_number_is_nobody(store: Store, number: str) -> None:
    assert await Callers(store, region="VN").opaque(number) == ""


async def test_a_secret_that_redis_lost_is_put_back(
    shared_server: Any, redis: Any, connect: Callable[..., Awaitable[Store]]
) -> None:
    callers = Callers(await connect(shared_server.port), region="VN")
    nam = await callers.opaque(NUMBER)
    redis("FLUSHALL")
    callers.doubt()
    assert await callers.opaque(NUMBER) == nam
    assert await Callers(await connect(shared_server.port), region="VN").opaque(NUMBER) == nam


async def test_while_redis_is_away_everybody_is_nobody(server: Any, connect: Callable[..., Awaitable[Store]]) -> None:
    store = await connect(server.port, deadline=0.2)
    server.kill()
    assert await Callers(store, region="VN").opaque(NUMBER) == ""
