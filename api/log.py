"""A job's history, told for people: its events, and what each attempt did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from api.schemas import LogEntry
from api.views import when
from shared.store.tables import Attempt, Event, Job

_WORDS = {
    "batch.submitted": "submitted",
    "job.started": "started",
    "job.requeued": "waits for another attempt",
    "job.succeeded": "succeeded",
    "job.failed": "failed",
    "job.cancelled": "cancelled",
    "job.paused": "paused",
    "job.resumed": "resumed",
    "job.retried": "sent again",
    "job.priority": "priority changed",
    "job.deleted": "deleted",
    "job.restored": "restored",
}


def entries(job: Job, events: Sequence[Event], attempts: Sequence[Attempt]) -> list[LogEntry]:
    """Everything that happened, oldest first."""
    told = [*_of_attempts(job, attempts), *(entry for event in events for entry in _of_event(event))]
    return sorted(told, key=lambda entry: entry.at)


def as_text(job: Job, log: Sequence[LogEntry]) -> str:
    """The history as lines of text."""
    head = [
        f"{job.kind} {job.id} · {job.name} · {job.model}, preset {job.preset} · {job.width} × {job.height} pixels",
        f"{job.state}{f': {job.reason}' if job.reason else ''} · iteration {job.step} of {job.steps} · "
        f"{job.mpit:.2f} of {job.mpit_total:.2f} MP·it · {job.seconds:.1f} s rendered",
        *(f"note: {note}" for note in job.notes.splitlines()),
        "",
    ]
    lines = [f"{entry.at:%Y-%m-%d %H:%M:%S} UTC  {entry.text}" for entry in log]
    return "\n".join(head + lines) + "\n"


def _of_event(event: Event) -> Iterator[LogEntry]:
    # Attempts tell of saved checkpoints themselves, with more detail.
    if event.type == "job.saved":
        return
    if event.type == "job.frame":
        data = json.loads(event.data)
        text = f"frame {data['number']}: octave {data['octave']}, iteration {data['iteration']}"
    else:
        said = _WORDS.get(event.type, event.type)
        # `paused by ada` says it already.
        text = event.reason if event.reason.startswith(said) else f"{said}: {event.reason}" if event.reason else said
    yield LogEntry(at=when(event.at), type=event.type, text=text)


def _of_attempts(job: Job, attempts: Sequence[Attempt]) -> Iterator[LogEntry]:
    for attempt in attempts:
        begun = f"attempt {attempt.number} began on {attempt.worker}, after iteration {attempt.from_step}"
        yield LogEntry(at=when(attempt.started_at), type="attempt.started", text=begun)
        if attempt.ended_at is None:
            continue
        done = attempt.to_step - attempt.from_step
        why = f": {attempt.reason}" if attempt.reason else ""
        text = (
            f"attempt {attempt.number} {attempt.outcome} after {attempt.ended_at - attempt.started_at:.1f} s "
            f"and {done} iteration{'' if done == 1 else 's'} ({attempt.to_step} of {job.steps}){why}"
        )
        yield LogEntry(at=when(attempt.ended_at), type=f"attempt.{attempt.outcome}", text=text)
