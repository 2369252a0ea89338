"""Saving frames beside the rendering: the device goes on while a frame is encoded and stored."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.store import is_away
from shared.store.jobs import claims
from shared.store.tables import Frame, Job
from worker.context import Context
from worker.frames import frame_files, shrunk
from worker.outputs import attempt_folder
from worker.patience import committed, stored
from worker.render import Progress

if TYPE_CHECKING:
    from worker.workbench import Work

log = logging.getLogger(__name__)

#: Frames of small pictures come many a second; SQL is told of them together.
_TELL_SECONDS = 1.0


class FrameRecorder:
    """Records the frames of one slice that are not recorded yet, one at a time, in a thread of its own."""

    def __init__(self, context: Context, job: Job, work: Work, check: Callable[[], None]) -> None:
        """`check` raises Stopped when the slice is to end."""
        self._context, self._job, self._every, self._check = context, job, work.spec.frames.every, check
        self._icc = work.icc
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="frames")
        self._pending: Future[None] | None = None
        #: Frames whose files are stored and that SQL does not know yet, and since when nothing was told to SQL.
        self._stored: list[claims.NewFrame] = []
        self._told_at = -math.inf
        with context.store.read() as session:
            self._recorded = set(session.scalars(select(Frame.number).where(Frame.job_id == job.id)))

    def after(self, progress: Progress, picture: Callable[[], NDArray[np.float32]]) -> None:
        """To be called after each iteration; records `picture()`, (H, W, 3) in 0–255, if a frame is due.

        Waits for the frame before, so that at most one is in memory, and none larger than frames are.
        """
        number = frame_number(progress, self._every)
        if number is not None and number not in self._recorded:
            self._wait()
            self._recorded.add(number)
            # Shrunk here: a large picture must not wait in memory beside the one that goes on.
            self._pending = self._pool.submit(self._store, number, progress, shrunk(picture()))
        elif self._stored and self._pending is not None and self._pending.done() and self._is_time():
            self._wait()
            self._pending = self._pool.submit(self._tell)

    def flush(self) -> None:
        """Wait until all frames are recorded, also for a database or storage that is away; raises what went wrong."""
        self._wait()
        if self._stored:
            committed(self._context.store, self._add, f"job {self._job.id}", self._check)
            self._stored.clear()

    def close(self) -> None:
        """End the thread; whatever is under way is finished first."""
        self._pool.shutdown(wait=True)

    def _wait(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def _is_time(self) -> bool:
        return time.monotonic() - self._told_at > _TELL_SECONDS

    def _store(self, number: int, progress: Progress, rgb: NDArray[np.float32]) -> None:
        folder = attempt_folder(self._job)
        frame = claims.NewFrame(
            number=number,
            step=progress.step,
            octave=progress.octave,
            iteration=progress.iteration,
            width=rgb.shape[1],
            height=rgb.shape[0],
            score=progress.score if math.isfinite(progress.score) else None,
            picture=f"{folder}/frames/{number:05d}.jpg",
            thumbnail=f"{folder}/thumbnails/{number:05d}.jpg",
        )
        picture, thumbnail = frame_files(rgb, self._icc)
        for key, data in ((frame.picture, picture), (frame.thumbnail, thumbnail)):
            stored(partial(self._context.blobs.put, key, data), f"job {self._job.id}", self._check)
        self._stored.append(frame)
        if self._is_time():
            self._tell()

    def _tell(self) -> None:
        if not self._stored:
            return
        self._told_at = time.monotonic()
        try:
            with self._context.store.write() as session:
                self._add(session)
        except DBAPIError as error:
            if not is_away(error):
                raise
            log.warning("job %s: its frames are told later: %s", self._job.id, error)
        else:
            self._stored.clear()

    def _add(self, session: Session) -> None:
        if not claims.add_frames(session, self._job.id, self._job.token or "", self._stored):
            log.info("%d frames of job %s came too late", len(self._stored), self._job.id)


def frame_number(progress: Progress, every: int) -> int | None:
    """The number (from 1) of the frame that is due after this iteration, or None.

    Frames are due every `every` iterations of an octave (0: never) and after its last. The number depends on nothing
    else, so that an iteration that is rendered again gives the same frame, not another one.
    """
    on_time = every > 0 and progress.iteration % every == 0
    if not on_time and not progress.octave_done:
        return None
    per_octave = math.ceil(progress.iterations / every) if every else 1
    within = math.ceil(progress.iteration / every) if every else 1
    return (progress.octave - 1) * per_octave + within
