"""Public holidays by country and region, from the `holidays` package (its only importer)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import holidays

from hotline.schema.problems import quoted, unknown


def public_holidays(region: str) -> Callable[[date], bool]:
    """A test for public holidays of `VN`, or of a country's region such as `US-CA`. Raises ValueError."""
    country, _, part = region.partition("-")
    countries = holidays.list_supported_countries()
    if country not in countries:
        raise ValueError(f"unknown country {quoted(country)}; write its code, like VN, or a region of it, like US-CA")
    if "-" in region and part not in countries[country]:
        raise ValueError(unknown(f"region of {country}", part, countries[country]))
    days = holidays.country_holidays(country, subdiv=part or None)
    return lambda day: day in days
