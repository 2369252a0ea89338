"""Watching a farm: its events as they happen, and jobs as they change."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from api.remote.errors import FarmError, NoFarm
from api.remote.transport import PATIENCE_SECONDS, Transport, reason
from api.schemas import JobDetail, JobView, Progress
from shared.states import TERMINAL, State

if TYPE_CHECKING:
    from api.remote.farm import Farm

#: The farm says something every 15 s at least; a stream that is silent for longer is dead.
_SILENCE_SECONDS = 40.0
#: Between two attempts to take up a broken stream.
_RECONNECT_SECONDS = 0.5
#: How often jobs are looked at where events cannot be streamed (a proxy that holds answers back until they end).
_POLL_SECONDS = 2.0
#: What the farm says when a stream begins: its number is where to resume from.
OPENED = "stream.opened"
_PROGRESS = "job.progress"
#: Events that change nothing which a job's progress does not tell as well.
_QUIET = frozenset({"job.frame", "job.saved"})


@dataclass(frozen=True)
class FarmEvent:
    """Something that happened. `number` is None for progress, which is told but not kept."""

    number: int | None
    type: str
    batch: str | None
    job: str | None
    reason: str
    #: All that the farm said.
    body: Mapping[str, Any]


class NoStream(FarmError):
    """The farm's events cannot be streamed from here."""


def events(
    transport: Transport, *, batch: str | None = None, job: str | None = None, after: int | None = None
) -> Iterator[FarmEvent]:
    """The farm's events without end, over as many connections as it takes. Raises NoStream, NoFarm, FarmError."""
    heard = after
    broken_since: float | None = None
    while True:
        opened = False
        try:
            for event in _connection(transport, batch, job, heard):
                opened, broken_since = True, None
                if event.number is not None:
                    heard = event.number
                yield event
            problem = "it hung up"
        except httpx.TransportError as error:
            if isinstance(error, httpx.ReadTimeout) and not opened:
                raise NoStream(f"events from {transport.address.url} are held back on their way") from None
            if transport.nobody_there(error):
                raise NoFarm(transport.address.url, reason(error)) from None
            problem = reason(error)
        except FarmError as error:
            if error.status not in (502, 503, 504):
                raise
            problem = error.message
        broken_since = broken_since or time.monotonic()
        if time.monotonic() - broken_since > PATIENCE_SECONDS:
            raise NoFarm(transport.address.url, problem)
        time.sleep(_RECONNECT_SECONDS)


def _connection(transport: Transport, batch: str | None, job: str | None, heard: int | None) -> Iterator[FarmEvent]:
    """The events of one connection, until it breaks."""
    from httpx_sse import EventSource, SSEError

    params = {key: value for key, value in (("batch", batch), ("job", job)) if value is not None}
    headers = {"Accept": "text/event-stream"} | ({} if heard is None else {"Last-Event-ID": str(heard)})
    timeout = httpx.Timeout(_SILENCE_SECONDS, connect=5.0)
    with transport.answer("/v1/events", params=params, headers=headers, timeout=timeout) as response:
        try:
            for sse in EventSource(response).iter_sse():
                body = json.loads(sse.data) if sse.data else {}
                yield FarmEvent(
                    number=int(sse.id) if sse.id.isdecimal() and sse.event != _PROGRESS else None,
                    type=sse.event,
                    batch=body.get("batch"),
                    job=body.get("job"),
                    reason=body.get("reason", ""),
                    body=body,
                )
        except (SSEError, ValueError) as error:
            raise NoStream(f"{transport.address.url} does not stream events: {error}") from None


def watch(farm: Farm, ids: Sequence[str]) -> Iterator[JobView]:
    """The jobs as they are, and again after each change, until all have ended."""
    watched = Watched(farm, ids)
    try:
        for event in events(farm.transport, batch=watched.batch, job=watched.job):
            # Only once the stream is open is nothing missed between looking at the jobs and hearing of them.
            yield from watched.look() if event.type == OPENED else watched.hear(event)
            if watched.ended:
                return
    except NoStream:
        while True:
            yield from watched.look()
            if watched.ended:
                return
            time.sleep(_POLL_SECONDS)


class Watched:
    """The watched jobs as last seen."""

    def __init__(self, farm: Farm, ids: Sequence[str]) -> None:
        self._farm = farm
        #: Whole IDs of the batches and jobs that were named; neither: all unfinished jobs.
        self._batches = [farm.batch(id).id for id in ids if _is_batch(id)]
        self._single = [farm.job(id).id for id in ids if not _is_batch(id)]
        self._all = not ids
        self._jobs: dict[str, JobView] = {}
        self._looked = False

    @property
    def batch(self) -> str | None:
        """The batch, when it is all that is watched."""
        return self._batches[0] if len(self._batches) == 1 and not self._single else None

    @property
    def job(self) -> str | None:
        """The job, when it is all that is watched."""
        return self._single[0] if len(self._single) == 1 and not self._batches else None

    @property
    def ended(self) -> bool:
        """Whether all have ended."""
        return self._looked and all(job.state in TERMINAL for job in self._jobs.values())

    def look(self) -> Iterator[JobView]:
        """The jobs as they are now, where that is news."""
        for job in self._current():
            if self._jobs.get(job.id) != job:
                self._jobs[job.id] = job
                yield job
        self._looked = True

    def hear(self, event: FarmEvent) -> Iterator[JobView]:
        """The job that an event is about, where it is watched."""
        known = self._jobs.get(event.job or "")
        if known is None or event.type in _QUIET:
            return
        if event.type == _PROGRESS and known.state in TERMINAL:
            return  # told before the end, and overtaken by it
        job = _progressed(known, event.body) if event.type == _PROGRESS else _view(self._farm.job(known.id))
        self._jobs[job.id] = job
        yield job

    def _current(self) -> Iterator[JobView]:
        if self._all:
            unfinished: tuple[State, ...] = ("queued", "running", "paused")
            # On a later look, those that have ended since are looked at one by one.
            seen = {job.id: job for job in self._farm.jobs(states=unfinished)}
            gone = [id for id, job in self._jobs.items() if id not in seen and job.state not in TERMINAL]
            yield from seen.values() if not self._looked else [seen[id] for id in self._jobs if id in seen]
            yield from (_view(self._farm.job(id)) for id in gone)
            return
        for batch in self._batches:
            # Oldest first, as the batch lists them.
            yield from reversed(list(self._farm.jobs(batch=batch)))
        yield from (_view(self._farm.job(id)) for id in self._single)


def _is_batch(id: str) -> bool:
    # The farm takes IDs in capitals as well.
    return id[:1].lower() == "b"


def _view(detail: JobDetail) -> JobView:
    """The job as lists show it, so that it compares with those."""
    return JobView(**{name: getattr(detail, name) for name in JobView.model_fields})


def _progressed(job: JobView, body: Mapping[str, Any]) -> JobView:
    """The job with what a progress message says of it."""
    told = {key: body[key] for key in ("state", "worker", "frames") if key in body}
    return job.model_copy(update={**told, "progress": Progress.model_validate(body["progress"])})
