"""Ten thousand waiting jobs do not stand in front of a small batch."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from shared.store.tables import Attempt
from tests.chaos.farm import Farm
from tests.conftest import wait_until

SMALL: dict[str, Any] = {"size": {"long_edge": 64}, "octaves": {"count": 1}, "iterations": 8, "frames": {"every": 0}}


@pytest.mark.parametrize(("owner", "priority", "slices"), [("ada", 0, 1), ("bob", 5, 3)])
def test_a_small_batch_behind_a_crowd_starts_soon(farm: Farm, owner: str, priority: int, slices: int) -> None:
    """An urgent one after the slice under way; one of equal priority after the messages that were on their way."""
    crowd = farm.submit(*[SMALL] * 10_000, owner="ada")
    wait_until(lambda: farm.job(crowd[2]).state == "succeeded", seconds=60, what="the crowd being rendered")
    (job_id,) = farm.submit(SMALL | {"priority": priority}, owner=owner)
    job = farm.wait(job_id, "succeeded", seconds=60)
    with farm.store.read() as session:
        ahead = session.scalar(
            select(func.count()).where(Attempt.started_at > job.created_at, Attempt.started_at < job.started_at)
        )
    assert ahead is not None
    assert ahead <= slices
