"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# how long an example takes says something of the machine's other work, and nothing of the product
settings.register_profile("hotline", deadline=None)
settings.load_profile("hotline")
