"""How long a worker rests on which things fail."""

from __future__ import annotations

from worker.health import Health


def test_rests_double_up_to_a_minute_and_begin_anew() -> None:
    health = Health()
    assert [health.failed(2.0) for _ in range(7)] == [2, 4, 8, 16, 32, 60, 60]
    health.well()
    assert health.failed(2.0) == 2


def test_a_process_rests_before_its_first_slice_when_others_died_before_it() -> None:
    assert [Health().born(deaths, 2.0) for deaths in (0, 1, 2, 3, 10)] == [0, 0, 2, 4, 60]
    health = Health()
    assert [health.born(3, 2.0), health.born(3, 2.0)] == [4, 0]
