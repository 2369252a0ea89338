"""What unit tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.settings import settings as current


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of registered networks, empty, of a farm in a temporary folder."""
    monkeypatch.setenv("DREAMFARM_DATA", str(tmp_path))
    current.cache_clear()
    yield current().networks
    current.cache_clear()
