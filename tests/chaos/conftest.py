"""Farms for chaos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.farm import Farm
from tests.conftest import RedisServer


@pytest.fixture
def make_farm(tmp_path: Path, redis_server: RedisServer) -> Iterator[Callable[..., Farm]]:
    """Makes farms that are stopped after the test; their logs are shown when it fails."""
    farms: list[Farm] = []

    def make(name: str = "farm", **knobs: str) -> Farm:
        farms.append(Farm(tmp_path / name, redis_server, **knobs))
        return farms[-1]

    yield make
    for farm in farms:
        farm.stop()
        for log in sorted(farm.folder.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-6000:]}")


@pytest.fixture
def farm(make_farm: Callable[..., Farm]) -> Farm:
    """A farm with a worker and a sweeper."""
    farm = make_farm()
    farm.start_worker()
    farm.start("sweeper")
    return farm
