"""The heartbeat of a slice: keeps the lease, tells the progress, learns that the job is not wanted any more."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from shared.store import Store
from shared.store.jobs import claims
from shared.store.tables import Job

log = logging.getLogger(__name__)

#: How soon a rest ends when the process shall stop.
_REST_STEP_SECONDS = 0.1

#: How long a slice goes on without a word from the database, which may be away, or this worker cut off from it: then
#: another worker has the job since long. Which it was, the token tells in the end.
_SILENT_SECONDS = 300.0

#: `cancelled`, `paused`: a person wishes so. `taken`: another worker has the job. `interrupted`: this process shall stop.
#: `silent`: the database has been out of reach for long.
Why = Literal["cancelled", "paused", "taken", "interrupted", "silent"]


class Stopped(Exception):
    """The slice is to end now, between two tiles. `since`: when that was first wished, in `time.monotonic()`'s seconds."""

    def __init__(self, why: Why, since: float) -> None:
        self.why: Why = why
        self.since = since
        super().__init__(why)


class Heart:
    """Beats in a thread while the main thread renders and asks `check` between tiles."""

    def __init__(self, store: Store, job: Job, *, beat_seconds: float, lease_seconds: float) -> None:
        self._store, self._job_id, self._token = store, job.id, job.token or ""
        self._beat_seconds, self._lease_seconds = beat_seconds, lease_seconds
        self._told: claims.Told | None = None
        self._why: Why | None = None
        self._since = math.inf
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def check(self) -> None:
        """Raise Stopped when the slice is to end."""
        if self._why is not None:
            raise Stopped(self._why, self._since)

    def tell(self, told: claims.Told) -> None:
        """What the next beat says."""
        self._told = told

    def rest(self, seconds: float) -> None:
        """Beat no more, the job was let go; wait, but no longer than until this process shall stop."""
        self._stop.set()
        self._thread.join()
        if self._why == "taken":  # a last beat has noticed that the job was let go
            self._why, self._since = None, math.inf
        until = time.monotonic() + seconds
        while self._why is None and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _REST_STEP_SECONDS))

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat, and take signals as the wish to stop.

        A signal's exception could strike between two statements that belong together, so handlers only leave a note:
        SIGUSR1 comes with cancelling and pausing, SIGTERM from Flower's Terminate and from the machine's shutdown.
        """
        handled = (signal.SIGUSR1, signal.SIGTERM)
        before = [signal.signal(number, self._on_signal) for number in handled]
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()
            for number, handler in zip(handled, before, strict=True):
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        # The reason is looked up by the next check's caller; a person's wish is in SQL already.
        self._wish(self._why or "interrupted")

    def _wish(self, why: Why) -> None:
        # In this order: `check` may ask in between.
        self._since = min(self._since, time.monotonic())
        self._why = why

    def _run(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(self._beat_seconds):
            try:
                why = self._beat()
            except SQLAlchemyError as error:
                log.warning("no heartbeat for job %s: %s", self._job_id, error)
                if time.monotonic() - last > _SILENT_SECONDS:
                    self._wish(self._why or "silent")
                continue
            last = time.monotonic()
            if why is not None:
                self._wish(why)
            if why == "taken":
                return

    def _beat(self) -> Why | None:
        told = self._told
        with self._store.write() as session:
            if self._why in ("paused", "cancelled"):
                # The slice is being saved, which may take longer than a lease: until it is, the job stays ours.
                held = claims.hold(session, self._job_id, self._token, lease_seconds=self._lease_seconds)
                return self._why if held else "taken"
            if told is None:
                held = claims.renew(session, self._job_id, self._token, lease_seconds=self._lease_seconds)
            else:
                held = claims.beat(session, self._job_id, self._token, told, lease_seconds=self._lease_seconds)
            if held:
                return None
            row = session.execute(select(Job.state, Job.token).where(Job.id == self._job_id)).first()
        return verdict(row[0], mine=row[1] == self._token) if row is not None else "taken"


def verdict(state: str, *, mine: bool) -> Why | None:
    """Why a job that refused a heartbeat did so; None: the wish was taken back at that very moment."""
    if mine and state == "cancelled":
        return "cancelled"
    if mine and state == "paused":
        return "paused"
    return None if mine and state == "running" else "taken"
