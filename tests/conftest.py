"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# how long an example takes says something of the machine's other work, and nothing of the product
settings.register_profile("hotline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hotline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="the long runs, for a night")


@pytest.fixture
def deep(request: pytest.FixtureRequest) -> bool:
    """Whether tests that have a long run shall make it."""
    return bool(request.config.getoption("--deep"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much was done, where a test recorded that: from all processes."""
    done: dict[str, int] = {}
    for report in terminalreporter.getreports("passed"):
        for what, count in report.user_properties:
            done[what] = done.get(what, 0) + int(count)
    for what, count in done.items():
        terminalreporter.write_line(f"{count:,} {what}")
