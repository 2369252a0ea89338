"""One bounded slice of a claimed job: restore, render, save, commit.

Imported in a worker's child process only: it brings TensorFlow.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from shared.blobs import BlobMissing
from shared.cards import PUBLISHED, UnknownModel
from shared.leftovers import tidy
from shared.pictures import PictureError
from shared.problems import SpecError
from shared.store import is_away, workers
from shared.store.jobs import claims
from shared.store.tables import Failure, Job
from worker import checkpoints
from worker.attempt import Ended
from worker.context import Context
from worker.heart import Heart, Stopped
from worker.lack import cannot_render, decline
from worker.networks import BadWeights
from worker.outputs import attempt_folder, finish
from worker.patience import StorageAway, committed, storage, stored
from worker.recorder import FrameRecorder
from worker.render import NotFinite, OutOfMemory, Progress
from worker.workbench import Bench, Work

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

#: What the job's own input is to blame for; trying again cannot help.
_BAD_INPUT = (BlobMissing, PictureError, SpecError, ValidationError)
#: What this worker is to blame for: the network was known where the job was submitted. Another worker may have it.
_LACKING = (UnknownModel, BadWeights)


class Slice:
    """A claimed job's slice; every change to the job carries the attempt's token."""

    def __init__(self, context: Context, bench: Bench, worker: str, job: Job, heart: Heart) -> None:
        self._context, self._bench, self._worker, self._job, self._heart = context, bench, worker, job, heart
        self._token = job.token or ""
        self._began = time.monotonic()
        #: Whether SQL knows of all frames up to where the rendering stands.
        self._recorded = False

    def run(self) -> Ended:
        """Render until the job or the slice's time is over, or somebody wants it to stop."""
        try:
            work = self._bench.open(self._job)
            if work.rendering.progress.step == 0 and self._job.checkpoint is not None and not self._start_over():
                self._bench.clear()
                return Ended("stale")
            return self._render(work)
        except _LACKING as error:
            return self._decline(error)
        except ImportError as error:
            self._bench.clear()
            return cannot_render(self._context, self._worker, self._job, self._heart, error)
        except Exception as error:  # noqa: BLE001 - whatever went wrong decides about the job, not about the worker
            return self._fail(error)

    def _render(self, work: Work) -> Ended:
        recorder = FrameRecorder(self._context, self._job, work, self._heart.check)
        try:
            return self._iterate(work, recorder)
        except Stopped as stopped:
            recorder.flush()
            self._recorded = True
            return self._stop(work, stopped)
        finally:
            recorder.close()

    def _iterate(self, work: Work, recorder: FrameRecorder) -> Ended:
        rendering, settings = work.rendering, self._context.settings
        started, progress, worked = time.monotonic(), rendering.progress, 0.0
        budget = max(settings.slice_seconds, self._bench.saving_seconds / settings.checkpoint_share)
        while not progress.finished:
            self._heart.check()
            if time.monotonic() - started > budget:
                break
            resting, before = rendering.resting, progress
            progress = rendering.advance(self._heart.check)
            worked += 0.0 if resting else progress.mpit - before.mpit
            self._heart.tell(_told(progress))
            recorder.after(progress, rendering.picture)
        self._learn(work, worked, started)
        # A frame belongs to the attempt: it is recorded before the attempt lets the job go.
        recorder.flush()
        self._recorded = True
        return self._succeed(work) if progress.finished else self._save(work, "its turn was over")

    def _start_over(self) -> bool:
        """Lets go of the checkpoint that could not be used, and of the frames that led to it."""
        useless, reason = self._job.checkpoint or "", "it starts over: its checkpoint is of no use any more"
        kept = self._commit(lambda session: claims.start_over(session, self._job.id, self._token, reason))
        if kept:
            self._job.checkpoint, self._job.checkpoint_step = None, 0
            self._delete(useless)
        return kept

    def _delete(self, key: str) -> None:
        """Delete a blob that no one needs; if it cannot be now, it is when the job has finished and is tidied up."""
        self._now_or_later(lambda: self._context.blobs.delete(key), key)

    def _now_or_later(self, clean: Callable[[], object], what: str) -> None:
        """What the slice's outcome does not hang on, and is done once more by whoever tidies up."""
        try:
            with storage():
                clean()
        except StorageAway as error:
            log.warning("job %s: %s is left for later: %s", self._job.id, what, error)

    def _save(self, work: Work, reason: str) -> Ended:
        progress = work.rendering.progress
        if progress.step == self._job.checkpoint_step:
            return self._let_go(reason)
        started = time.monotonic()
        key = f"{attempt_folder(self._job)}/checkpoint-{progress.step:06d}.npz"
        state = work.rendering.state()
        stored(lambda: checkpoints.save(self._context.blobs, key, state), f"job {self._job.id}", self._heart.check)
        self._bench.saving_seconds = time.monotonic() - started
        told, seconds = _told(progress), self._seconds()
        kept = self._commit(
            lambda session: claims.save(
                session, self._job.id, self._token, told, checkpoint=key, seconds=seconds, reason=reason
            )
        )
        if not kept:
            self._bench.clear()
            return Ended("stale")
        self._bench.saved(key)
        self._context.health.well()
        if self._job.checkpoint is not None:
            self._delete(self._job.checkpoint)
        return Ended("saved")

    def _succeed(self, work: Work) -> Ended:
        done = finish(self._context, self._job, work, self._heart.check)
        told, seconds = _told(work.rendering.progress), self._seconds()
        kept = self._commit(
            lambda session: claims.succeed(session, self._job.id, self._token, told, done, seconds=seconds)
        )
        if not kept and self._is_ours():
            # Paused or cancelled at the very end: what was rendered is kept for when the job goes on.
            return self._save(work, "the worker was asked to stop")
        self._bench.clear()
        if not kept:
            return Ended("stale")
        self._context.health.well()
        if self._job.attempt > 1:
            context = self._context
            self._now_or_later(lambda: tidy(context.store, context.blobs, self._job.id), "what it does not need")
        return Ended("succeeded")

    def _stop(self, work: Work, stopped: Stopped) -> Ended:
        """Save what is there: a pause, a cancellation or a shutdown shall cost nothing when the job goes on."""
        if stopped.why == "taken":
            self._bench.clear()
            return Ended("stale")
        why = "the database was out of reach for long" if stopped.why == "silent" else "the worker was asked to stop"
        ended = self._save(work, why)
        return Ended("stopped", stopped.why) if ended.outcome == "saved" else ended

    def _is_ours(self) -> bool:
        """Whether the job still takes what this attempt saves, be it paused or cancelled."""
        lease = self._context.settings.lease_seconds
        return self._commit(lambda session: claims.hold(session, self._job.id, self._token, lease_seconds=lease))

    def _let_go(self, reason: str) -> Ended:
        self._commit(lambda session: claims.release(session, self._job.id, self._token, reason))
        return Ended("stopped")

    def _decline(self, error: Exception) -> Ended:
        """Leave the job to workers that have its network, and let them go first: they may be busy now."""
        self._bench.clear()
        settings, reason = self._context.settings, lacking(self._worker, self._job.model, error)
        log.warning("job %s: %s", self._job.id, reason)
        declined = decline(self._context, self._job, self._heart, reason)
        if declined == "stale":
            return Ended("stale")
        if declined == "left":
            # Until the job has been announced again. Else this worker would hold all such jobs of a batch in turn.
            self._heart.rest(settings.retry_seconds + 2 * settings.sweep_seconds)
        return Ended("failed", reason)

    def _fail(self, error: Exception) -> Ended:
        failure, reason = classify(error)
        if failure == "internal":
            log.exception("job %s failed", self._job.id)
        else:
            log.warning("job %s: %s: %s", self._job.id, failure, reason)
        tile = self._bench.tile
        # What could not be saved waits here, where the next slice finds it, if it is this worker's.
        waits = failure == "storage" or (isinstance(error, DBAPIError) and is_away(error))
        if not waits or not self._recorded:
            self._bench.clear()
        settings = self._context.settings
        kept = self._commit(
            lambda session: claims.fail(
                session,
                self._job.id,
                self._token,
                failure,
                reason,
                retry_seconds=settings.retry_seconds,
                attempts=settings.fruitless_attempts,
                tile=tile,
            )
        )
        if kept:
            if failure in ("internal", "storage"):
                self._rest()
            return Ended("failed", reason)
        self._bench.clear()
        # Paused or cancelled meanwhile: whoever takes that back shall not wait for the lease of a slice that is over.
        self._let_go(reason)
        return Ended("stale")

    def _rest(self) -> None:
        """Rest, until the job has been announced again and longer: another worker shall have it, if one is free."""
        settings = self._context.settings
        self._heart.rest(self._context.health.failed(settings.retry_seconds) + 2 * settings.sweep_seconds)

    def _learn(self, work: Work, mpit: float, started: float) -> None:
        """Remember how long so many megapixel-iterations took."""
        flops = mpit / work.plan.mpit * work.plan.flops
        try:
            with self._context.store.write() as session:
                workers.learn(session, self._worker, flops, time.monotonic() - started)
        except SQLAlchemyError as error:
            # Only estimates rest on it.
            log.warning("job %s: how long it took is not remembered: %s", self._job.id, error)

    def _commit(self, change: Callable[[Session], Answer]) -> Answer:
        """Commit a change that a slice's work hangs on, also when the database is away for a while."""
        return committed(self._context.store, change, f"job {self._job.id}", self._heart.check)

    def _seconds(self) -> float:
        return time.monotonic() - self._began


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
    if isinstance(error, StorageAway):
        remedy = "make room, or see to its rights and its connection; then it goes on by itself"
        return "storage", f"the storage of pictures and checkpoints cannot be used: {error} ({remedy})"
    return "internal", f"{type(error).__name__}: {error}"


def lacking(worker: str, model: str, error: Exception) -> str:
    """Which worker cannot use a network, and what to do there, for people."""
    if isinstance(error, BadWeights):
        return f"worker {worker}: {error}"
    remedy = f"models pull {model}" if model in PUBLISHED else f"models add {model} FILE"
    return f"worker {worker} does not have the model {model!r} (run `dreamfarm {remedy}` there)"


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
