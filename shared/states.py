"""The states of a job and the roles of people: plain names, so that a client need not import the database's tables."""

from __future__ import annotations

from typing import Literal

State = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]
STATES: tuple[State, ...] = ("queued", "running", "paused", "succeeded", "failed", "cancelled")
#: States that a job only leaves when a person asks for it.
TERMINAL: tuple[State, ...] = ("succeeded", "failed", "cancelled")
#: Why a job failed; decides what follows (see `shared.store.jobs.outcomes`).
Failure = Literal["bad_input", "out_of_memory", "worker_lost", "not_finite", "storage", "internal"]
Role = Literal["viewer", "submitter", "admin"]
