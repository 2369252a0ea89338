"""One bounded slice of a claimed job: restore, render, save, commit.

Imported in a worker's child process only: it brings TensorFlow.
"""

from __future__ import annotations

import logging
import math
import time

from pydantic import ValidationError
from sqlalchemy import select

from shared.blobs import BlobMissing
from shared.cards import UnknownModel
from shared.pictures import PictureError
from shared.problems import SpecError
from shared.store import workers
from shared.store.jobs import claims
from shared.store.tables import Failure, Frame, Job
from worker.attempt import Ended
from worker.context import Context
from worker.frames import frame_bytes, thumbnail
from worker.heart import Heart, Stopped
from worker.outputs import attempt_folder, finish
from worker.render import NotFinite, OutOfMemory, Progress
from worker.workbench import Bench, Work, pack

log = logging.getLogger(__name__)

#: What the job's own input is to blame for; trying again cannot help.
_BAD_INPUT = (BlobMissing, PictureError, SpecError, UnknownModel, ValidationError)


class Slice:
    """A claimed job's slice; every change to the job carries the attempt's token."""

    def __init__(self, context: Context, bench: Bench, worker: str, job: Job, heart: Heart) -> None:
        self._context, self._bench, self._worker, self._job, self._heart = context, bench, worker, job, heart
        self._token = job.token or ""
        self._began = time.monotonic()

    def run(self) -> Ended:
        """Render until the job or the slice's time is over, or somebody wants it to stop."""
        try:
            work = self._bench.open(self._job)
            try:
                return self._render(work)
            except Stopped as stopped:
                return self._stop(work, stopped)
        except Stopped:  # before there was anything to save
            return self._let_go()
        except Exception as error:  # noqa: BLE001 - whatever went wrong decides about the job, not about the worker
            return self._fail(error)

    def _render(self, work: Work) -> Ended:
        rendering, settings = work.rendering, self._context.settings
        recorded = self._recorded_frames()
        started = time.monotonic()
        first = rendering.progress
        budget = max(settings.slice_seconds, self._bench.saving_seconds / settings.checkpoint_share)
        progress = first
        while not progress.finished:
            self._heart.check()
            if time.monotonic() - started > budget:
                self._learn(work, progress, first, started)
                return self._save(work, "its turn was over")
            progress = rendering.advance(self._heart.check)
            self._heart.tell(_told(progress))
            self._frame(work, progress, recorded)
        self._learn(work, progress, first, started)
        return self._succeed(work)

    def _frame(self, work: Work, progress: Progress, recorded: set[int]) -> None:
        number = frame_number(progress, work.spec.frames.every)
        if number is None or number in recorded:
            return
        rgb = work.rendering.picture()
        folder = attempt_folder(self._job)
        frame = claims.NewFrame(
            number=number,
            step=progress.step,
            octave=progress.octave,
            iteration=progress.iteration,
            width=rgb.shape[1],
            height=rgb.shape[0],
            score=_finite(progress.score),
            picture=f"{folder}/frames/{number:05d}.jpg",
            thumbnail=f"{folder}/thumbnails/{number:05d}.webp",
        )
        self._context.blobs.put(frame.picture, frame_bytes(rgb))
        self._context.blobs.put(frame.thumbnail, thumbnail(rgb))
        with self._context.store.write() as session:
            if not claims.add_frame(session, self._job.id, self._token, frame):
                log.info("frame %d of job %s came too late", number, self._job.id)

    def _save(self, work: Work, reason: str) -> Ended:
        progress = work.rendering.progress
        if progress.step == self._job.checkpoint_step:
            return self._let_go()
        started = time.monotonic()
        key = f"{attempt_folder(self._job)}/checkpoint-{progress.step:06d}.npz"
        self._context.blobs.put(key, pack(work.rendering.state()))
        with self._context.store.write() as session:
            kept = claims.save(
                session,
                self._job.id,
                self._token,
                _told(progress),
                checkpoint=key,
                seconds=self._seconds(),
                reason=reason,
            )
        self._bench.saving_seconds = time.monotonic() - started
        if not kept:
            self._context.blobs.delete(key)
            self._bench.clear()
            return Ended("stale")
        self._bench.saved(key)
        if self._job.checkpoint is not None:
            self._context.blobs.delete(self._job.checkpoint)
        return Ended("saved")

    def _succeed(self, work: Work) -> Ended:
        done = finish(self._context, self._job, work, self._heart.check)
        told = _told(work.rendering.progress)
        with self._context.store.write() as session:
            kept = claims.succeed(session, self._job.id, self._token, told, done, seconds=self._seconds())
        self._bench.clear()
        if not kept:
            return Ended("stale")
        if self._job.checkpoint is not None:
            self._context.blobs.delete(self._job.checkpoint)
        return Ended("succeeded")

    def _stop(self, work: Work, stopped: Stopped) -> Ended:
        """Save what is there: a pause, a cancellation or a shutdown shall cost nothing when the job goes on."""
        if stopped.why == "taken":
            self._bench.clear()
            return Ended("stale")
        ended = self._save(work, "the worker was asked to stop")
        return Ended("stopped", stopped.why) if ended.outcome == "saved" else ended

    def _let_go(self) -> Ended:
        with self._context.store.write() as session:
            claims.release(session, self._job.id, self._token, "the worker was asked to stop")
        return Ended("stopped")

    def _fail(self, error: Exception) -> Ended:
        failure, reason = classify(error)
        if failure == "internal":
            log.exception("job %s failed", self._job.id)
        else:
            log.warning("job %s: %s: %s", self._job.id, failure, reason)
        tile = self._bench.tile
        self._bench.clear()
        settings = self._context.settings
        with self._context.store.write() as session:
            kept = claims.fail(
                session,
                self._job.id,
                self._token,
                failure,
                reason,
                retry_seconds=settings.retry_seconds,
                attempts=settings.fruitless_attempts,
                tile=tile,
            )
        return Ended("failed", reason) if kept else Ended("stale")

    def _learn(self, work: Work, progress: Progress, first: Progress, started: float) -> None:
        share = (progress.mpit - first.mpit) / progress.mpit_total
        with self._context.store.write() as session:
            workers.learn(session, self._worker, share * work.plan.flops, time.monotonic() - started)

    def _recorded_frames(self) -> set[int]:
        with self._context.store.read() as session:
            return set(session.scalars(select(Frame.number).where(Frame.job_id == self._job.id)))

    def _seconds(self) -> float:
        return time.monotonic() - self._began


def frame_number(progress: Progress, every: int) -> int | None:
    """The number (from 1) of the frame that is due after this iteration, or None.

    Frames are due every `every` iterations of an octave (0: never) and after its last. The number depends on nothing
    else, so that an iteration that is rendered again gives the same frame, not another one.
    """
    due = progress.iteration // every if every else 0
    if progress.octave_done:
        due += 0 if every and progress.iteration % every == 0 else 1
    elif not every or progress.iteration % every != 0:
        return None
    per_octave = math.ceil(progress.iterations / every) if every else 1
    return (progress.octave - 1) * per_octave + due


def classify(error: Exception) -> tuple[Failure, str]:
    """The class of a failure, and its reason for people."""
    if isinstance(error, ValidationError):
        return "bad_input", "the stored specification is not understood by this version; submit the job again"
    if isinstance(error, _BAD_INPUT):
        return "bad_input", str(error)
    if isinstance(error, NotFinite):
        return "not_finite", str(error)
    if isinstance(error, (OutOfMemory, MemoryError)):
        return "out_of_memory", str(error) or "there was not enough memory"
    return "internal", f"{type(error).__name__}: {error}"


def _told(progress: Progress) -> claims.Told:
    return claims.Told(
        octave=progress.octave,
        octaves=progress.octaves,
        iteration=progress.iteration,
        iterations=progress.iterations,
        step=progress.step,
        steps=progress.steps,
        mpit=progress.mpit,
        mpit_total=progress.mpit_total,
        score=_finite(progress.score),
    )


def _finite(score: float) -> float | None:
    return score if math.isfinite(score) else None
