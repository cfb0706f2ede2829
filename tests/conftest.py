"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import settings

# how long an example takes says something of the machine's other work, and nothing of the product
settings.register_profile("hotline", deadline=None)
settings.load_profile("hotline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="the long runs: a million operations of the queue core")


@pytest.fixture
def deep(request: pytest.FixtureRequest) -> bool:
    """Whether tests that have a long run shall make it."""
    return bool(request.config.getoption("--deep"))
