"""How long a worker rests on which things fail."""

from __future__ import annotations

from worker.health import Health


def test_rests_double_up_to_a_minute_and_begin_anew() -> None:
    health = Health()
    assert [health.failed(2.0) for _ in range(7)] == [2, 4, 8, 16, 32, 60, 60]
    health.well()
    assert health.failed(2.0) == 2
