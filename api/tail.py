"""The event table, read once and served to any number of listeners.

One task polls SQL and keeps the newest events in memory; a listener is only a position in them. One that is too slow
or resumes from long ago reads what it missed from SQL, page by page, and so holds no memory and misses nothing.
Events commit in the order of their numbers (`shared.store.events`), so "all above this number" leaves no gaps.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from api.views import progress_of, when
from shared.store import Store, events, queries
from shared.store.tables import Event, Job

log = logging.getLogger(__name__)

#: How often SQL is asked while somebody listens; progress comes twice a second, so this is fast enough to look smooth.
_POLL_SECONDS = 0.25
#: Events read at once, and kept in memory for listeners that keep up.
_PAGE = 1_000
_KEPT = 4_000
#: Proxies close connections that are silent for longer than a minute or half of one.
_KEEP_ALIVE_SECONDS = 15.0
#: How long polling goes on after the last listener left: pages are reloaded and connections come back.
_LINGER_SECONDS = 10.0


@dataclass(frozen=True)
class Interest:
    """What a listener wants to hear; None: of everybody, every batch, every job."""

    owner: str | None
    batch_id: str | None
    job_id: str | None

    def wants(self, message: Message) -> bool:
        """Whether a message is for the listener."""
        return (
            self.owner in (None, message.owner)
            and self.batch_id in (None, message.batch_id)
            and self.job_id in (None, message.job_id)
        )


@dataclass(frozen=True)
class Message:
    """A server-sent event, ready to be sent; `number` is the event's, or counts the progress messages."""

    number: int
    owner: str
    batch_id: str
    job_id: str | None
    payload: bytes


class Tail:
    """Follows the event table while anybody listens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: list[Message] = []
        #: All events above `_floor`, up to `_position`, are in `_kept`.
        self._floor = 0
        self._position = 0
        #: The newest progress of each running job, and when it was told.
        self._progress: dict[str, Message] = {}
        self._told_at: dict[str, float] = {}
        self._progress_count = 0
        self._listeners = 0
        self._needed_at = 0.0
        self._news = asyncio.Event()
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def close(self) -> None:
        """End all streams; listeners come back with the last number they heard."""
        self._closed = True
        self._wake()
        if self._task is not None:
            self._task.cancel()

    async def listen(self, interest: Interest, last_heard: int | None) -> AsyncIterator[bytes]:
        """Messages from now on, or from after number `last_heard` on, with keep-alive comments in between.

        Raises SQLAlchemyError when the database is away, before anything is sent.
        """
        async with self._starting:
            self._needed_at = time.monotonic()
            if self._task is None or self._task.done():
                self._floor = self._position = await asyncio.to_thread(self._last)
                self._kept, self._progress, self._told_at = [], {}, {}
                self._task = asyncio.create_task(self._run(), name="tail")
        return self._follow(interest, self._position if last_heard is None else min(last_heard, self._position))

    async def _follow(self, interest: Interest, heard: int) -> AsyncIterator[bytes]:
        self._listeners += 1
        progress_heard = 0
        try:
            # Tells a listener who hears nothing yet from where to resume.
            yield b"retry: 2000\n" + _payload("stream.opened", {"position": heard}, heard)
            while not self._closed:
                news = self._news
                messages, heard = await self._after(interest, heard)
                progress = [m for m in self._progress.values() if m.number > progress_heard and interest.wants(m)]
                progress_heard = self._progress_count
                for message in messages + progress:
                    yield message.payload
                if heard >= self._floor and not news.is_set():
                    try:
                        await asyncio.wait_for(news.wait(), _KEEP_ALIVE_SECONDS)
                    except TimeoutError:
                        yield b": still here\n\n"
        finally:
            self._listeners -= 1

    async def _after(self, interest: Interest, heard: int) -> tuple[list[Message], int]:
        """Wanted messages above `heard`, and up to which number these are all."""
        if heard >= self._floor:
            start = bisect_right(self._kept, heard, key=lambda message: message.number)
            return [m for m in self._kept[start:] if interest.wants(m)], max(heard, self._position)
        position = self._position
        try:
            page = await asyncio.to_thread(self._page, heard, interest)
        except SQLAlchemyError as error:
            log.warning("what a listener missed cannot be read yet: %s", error)
            await asyncio.sleep(1.0)
            return [], heard
        if len(page) == _PAGE:
            return page, page[-1].number
        return page, max(position, page[-1].number if page else 0)

    async def _run(self) -> None:
        """Poll while somebody listens, or did a moment ago."""
        while self._listeners or time.monotonic() - self._needed_at < _LINGER_SECONDS:
            if self._listeners:
                self._needed_at = time.monotonic()
            try:
                fresh, running = await asyncio.to_thread(self._poll)
            except SQLAlchemyError as error:
                log.warning("events cannot be read: %s", error)
                await asyncio.sleep(1.0)
                continue
            if self._take(fresh, running):
                self._wake()
            if len(fresh) < _PAGE:
                await asyncio.sleep(_POLL_SECONDS)

    def _take(self, fresh: list[Message], running: Sequence[Job]) -> bool:
        """Keep what a poll brought; whether it is news."""
        if fresh:
            self._position = fresh[-1].number
            self._kept.extend(fresh)
            if len(self._kept) > 2 * _KEPT:
                self._floor = self._kept[-_KEPT - 1].number
                self._kept = self._kept[-_KEPT:]
        told = [job for job in running if self._told_at.get(job.id) != job.changed_at]
        self._told_at = {job.id: job.changed_at for job in running}
        self._progress = {id_: message for id_, message in self._progress.items() if id_ in self._told_at}
        for job in told:
            self._progress_count += 1
            self._progress[job.id] = _of_progress(job, self._progress_count)
        return bool(fresh or told)

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _last(self) -> int:
        with self._store.read() as session:
            return events.last(session)

    def _poll(self) -> tuple[list[Message], Sequence[Job]]:
        with self._store.read() as session:
            fresh = [_of_event(event) for event in events.after(session, self._position, limit=_PAGE)]
            return fresh, queries.running_jobs(session)

    def _page(self, heard: int, interest: Interest) -> list[Message]:
        with self._store.read() as session:
            page = events.after(
                session,
                heard,
                limit=_PAGE,
                owner=interest.owner,
                batch_id=interest.batch_id,
                job_id=interest.job_id,
            )
            return [_of_event(event) for event in page]


def _of_event(event: Event) -> Message:
    data = {
        "seq": event.seq,
        "at": _iso(event.at),
        "type": event.type,
        "owner": event.owner,
        "batch": event.batch_id,
        "job": event.job_id,
        "reason": event.reason,
        "data": json.loads(event.data),
    }
    return Message(event.seq, event.owner, event.batch_id, event.job_id, _payload(event.type, data, event.seq))


def _of_progress(job: Job, number: int) -> Message:
    """Progress has no number of its own in the stream: it is not repeated to whoever resumes."""
    data = {
        "at": _iso(job.changed_at),
        "type": "job.progress",
        "owner": job.owner,
        "batch": job.batch_id,
        "job": job.id,
        "state": job.state,
        "worker": job.worker,
        "frames": job.frames,
        "progress": progress_of(job).model_dump(),
    }
    return Message(number, job.owner, job.batch_id, job.id, _payload("job.progress", data, None))


def _payload(type_: str, data: Mapping[str, Any], number: int | None) -> bytes:
    numbered = "" if number is None else f"id: {number}\n"
    return f"{numbered}event: {type_}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def _iso(at: float) -> str:
    return when(at).isoformat(timespec="milliseconds")
