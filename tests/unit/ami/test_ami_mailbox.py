import asyncio

import pytest

from ami.mailbox import Mailbox


async def test_a_reader_gets_everything_in_order_and_then_the_end() -> None:
    box = Mailbox[int](3)
    assert [box.put(n) for n in (1, 2, 3, 4)] == [True, True, True, False]
    box.close()
    assert [n async for n in box] == [1, 2, 3]


async def test_a_waiting_reader_wakes() -> None:
    box = Mailbox[int](1)
    reader = asyncio.create_task(anext(box))
    await asyncio.sleep(0)
    box.put(7)
    assert await reader == 7


async def test_a_waiting_reader_ends_when_it_is_closed() -> None:
    box = Mailbox[int](1)

    async def read() -> list[int]:
        return [n async for n in box]

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    box.close()
    assert await reader == []


def test_a_mailbox_holds_something() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        Mailbox[int](0)
