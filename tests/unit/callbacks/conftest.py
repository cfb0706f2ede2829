"""A spool in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotline.callbacks.outbox import Outbox


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    outbox = Outbox(tmp_path / "spool")
    outbox.prepare()
    return outbox
