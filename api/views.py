"""Rows as the API shows them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import cast

from api.schemas import (
    AssetView,
    AttemptView,
    BatchProgress,
    BatchView,
    FrameView,
    JobDetail,
    JobView,
    KeyView,
    NoteCount,
    OctaveView,
    OutputView,
    PlanView,
    Progress,
)
from shared.names import cut
from shared.plan import Plan
from shared.store.queries import Counts, Speed
from shared.store.tables import ApiKey, Asset, Attempt, Batch, Frame, Job, Role, State

#: Different planner's notes that are shown of one submission.
_NOTES = 20


def when(at: float) -> datetime:
    """A time of the store's."""
    return datetime.fromtimestamp(at, UTC)


def _maybe_when(at: float | None, later: float = 0.0) -> datetime | None:
    return None if at is None else when(at + later)


def progress_of(job: Job) -> Progress:
    """How far a job has come."""
    done = job.state == "succeeded"
    share = 1.0 if done else min(1.0, job.mpit / job.mpit_total) if job.mpit_total else 0.0
    # The job's own speed so far; seconds are counted at the end of each slice, so they belong to the checkpoint.
    left = None
    if done:
        left = 0.0
    elif job.seconds > 0 and job.checkpoint_mpit > 0:
        left = job.seconds * (job.mpit_total - job.mpit) / job.checkpoint_mpit
    return Progress(
        octave=job.octave,
        octaves=job.octaves,
        iteration=job.iteration,
        iterations=job.iterations,
        step=job.step,
        steps=job.steps,
        mpit=job.mpit,
        mpit_total=job.mpit_total,
        share=share,
        score=job.score,
        seconds=job.seconds,
        seconds_left=left,
    )


def job_view(job: Job, trash_seconds: float) -> JobView:
    """A job; when deleted, it is kept for `trash_seconds`."""
    return JobView(
        id=job.id,
        batch=job.batch_id,
        position=job.position,
        owner=job.owner,
        kind=job.kind,
        name=job.name,
        model=job.model,
        preset=job.preset,
        priority=job.priority,
        state=cast(State, job.state),
        reason=job.reason,
        failure=job.failure,
        created_at=when(job.created_at),
        started_at=_maybe_when(job.started_at),
        finished_at=_maybe_when(job.finished_at),
        changed_at=when(job.changed_at),
        attempt=job.attempt,
        worker=job.worker,
        width=job.width,
        height=job.height,
        frames=job.frames,
        progress=progress_of(job),
        output=_output(job),
        notes=job.notes.splitlines(),
        deleted_at=_maybe_when(job.deleted_at),
        restorable_until=_maybe_when(job.deleted_at, trash_seconds),
        links=_job_links(job),
    )


def job_detail(job: Job, attempts: Sequence[Attempt], trash_seconds: float) -> JobDetail:
    """A job with its specification and attempts."""
    return JobDetail(
        **dict(job_view(job, trash_seconds)),
        spec=json.loads(job.spec),
        attempts=[_attempt(attempt) for attempt in attempts],
    )


def _output(job: Job) -> OutputView | None:
    if job.output is None:
        return None
    return OutputView(
        digest=job.output_digest or "",
        bytes=job.output_bytes or 0,
        width=job.width,
        height=job.height,
        format=job.output.rpartition(".")[2],
        file_name=file_name(job.name, job.id, job.output),
    )


def _job_links(job: Job) -> dict[str, str]:
    self = f"/v1/jobs/{job.id}"
    links = {"self": self, "batch": f"/v1/batches/{job.batch_id}", "frames": f"{self}/frames", "log": f"{self}/log"}
    if job.frames:
        links |= {"latest_frame": f"{self}/frames/latest", "thumbnail": f"{self}/frames/latest?thumbnail=true"}
    made = {"output": job.output, "manifest": job.manifest, "animation": job.animation}
    return links | {name: f"{self}/{name}" for name, key in made.items() if key is not None}


def _attempt(attempt: Attempt) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        worker=attempt.worker,
        started_at=when(attempt.started_at),
        ended_at=_maybe_when(attempt.ended_at),
        outcome=attempt.outcome,
        reason=attempt.reason,
        from_step=attempt.from_step,
        to_step=attempt.to_step,
        seconds=attempt.seconds,
    )


def batch_view(batch: Batch, counts: Counts, speed: Speed, trash_seconds: float) -> BatchView:
    """A batch; when deleted, it is kept for `trash_seconds`."""
    self = f"/v1/batches/{batch.id}"
    links = {"self": self, "jobs": f"/v1/jobs?batch={batch.id}", "events": f"/v1/events?batch={batch.id}"}
    if counts.states["succeeded"]:
        links["outputs"] = f"{self}/outputs.zip"
    if counts.frames:
        links["contact_sheet"] = f"{self}/contact-sheet"
    unfinished = sum(counts.states[state] for state in ("queued", "running", "paused"))
    return BatchView(
        id=batch.id,
        owner=batch.owner,
        name=batch.name,
        jobs=sum(counts.states.values()),
        open=batch.open,
        states=dict(counts.states),
        frames=counts.frames,
        progress=BatchProgress(
            mpit=counts.mpit,
            mpit_total=counts.mpit_total,
            share=min(1.0, counts.mpit / counts.mpit_total) if counts.mpit_total else 0.0,
            seconds=counts.seconds,
            seconds_left=speed.seconds(counts.flops_left, unfinished) if unfinished else 0.0,
        ),
        created_at=when(batch.created_at),
        deleted_at=_maybe_when(batch.deleted_at),
        restorable_until=_maybe_when(batch.deleted_at, trash_seconds),
        links=links,
    )


def asset_view(asset: Asset) -> AssetView:
    """An uploaded picture."""
    self = f"/v1/assets/{asset.id}"
    return AssetView(
        id=asset.id,
        width=asset.width,
        height=asset.height,
        format=asset.format,
        bytes=asset.bytes,
        created_at=when(asset.created_at),
        links={"self": self, "thumbnail": f"{self}?thumbnail=true"},
    )


def frame_view(frame: Frame) -> FrameView:
    """An intermediate picture."""
    self = f"/v1/jobs/{frame.job_id}/frames/{frame.number}"
    return FrameView(
        number=frame.number,
        step=frame.step,
        octave=frame.octave,
        iteration=frame.iteration,
        width=frame.width,
        height=frame.height,
        score=frame.score,
        created_at=when(frame.created_at),
        links={"self": self, "thumbnail": f"{self}?thumbnail=true"},
    )


def plan_view(plan: Plan, speed: Speed) -> PlanView:
    """A plan."""
    return PlanView(
        octaves=[
            OctaveView(
                width=octave.width,
                height=octave.height,
                iterations=octave.iterations,
                tile=octave.tile,
                tiles=octave.tiles,
                mpit=octave.mpit,
            )
            for octave in plan.octaves
        ],
        width=plan.width,
        height=plan.height,
        steps=plan.steps,
        mpit=plan.mpit,
        flops=plan.flops,
        peak_bytes=plan.peak_bytes,
        seconds=speed.seconds(plan.flops),
        notes=list(plan.notes),
    )


def note_counts(plans: Iterable[Plan]) -> list[NoteCount]:
    """The most frequent of the planner's notes."""
    counted = Counter(note for plan in plans for note in plan.notes)
    return [NoteCount(note=note, jobs=jobs) for note, jobs in counted.most_common(_NOTES)]


def file_name(name: str, suffix: str, key: str) -> str:
    """A good name for a downloaded file: what people called it, what makes it unique, and the blob's extension."""
    stem, dot, extension = name.rpartition(".")
    stem = stem if dot and len(extension) <= 4 else name
    plain = re.sub(r"[^\w-]+", "-", stem).strip("-") or "picture"
    return f"{cut(plain)}-{suffix}.{key.rpartition('.')[2]}"


def key_view(row: ApiKey) -> KeyView:
    """An API key."""
    return KeyView(
        id=row.id,
        owner=row.owner,
        role=cast(Role, row.role),
        label=row.label,
        created_at=when(row.created_at),
        revoked_at=_maybe_when(row.revoked_at),
    )
