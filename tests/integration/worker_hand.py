"""What a worker leaves behind, put there by hand: frames, checkpoints and outputs of real pictures."""

from __future__ import annotations

import hashlib

from sqlalchemy import select

from shared.store.jobs import claims, schedule
from shared.store.jobs.claims import Finished, NewFrame
from shared.store.tables import Job
from tests.integration.conftest import RunningApi, picture
from tests.integration.farmhand import told


def taken(api: RunningApi, job_id: str) -> Job:
    """The job, claimed with the message that the API announced or would announce."""
    with api.store.write() as session:
        schedule.announce_next(session, ahead=100)
        task_id = session.scalar(select(Job.task_id).where(Job.id == job_id))
        assert task_id is not None
        job = claims.claim(session, job_id, task_id=task_id, worker="w", lease_seconds=60)
        assert job is not None
        return job


def framed(
    api: RunningApi, job: Job, number: int = 0, *, size: tuple[int, int] = (96, 96), seed: int | None = None
) -> None:
    """Save a frame of a claimed job; without a seed it follows from the number."""
    assert job.token is not None
    seed = number if seed is None else seed
    folder = f"jobs/{job.id}/{job.attempt}"
    key, small = f"{folder}/frames/{number:05d}.jpg", f"{folder}/thumbnails/{number:05d}.webp"
    api.blobs.put(key, picture(*size, seed=seed, format="JPEG"))
    api.blobs.put(small, picture(32, 32, seed=seed, format="WEBP"))
    frame = NewFrame(
        number=number, step=number + 1, octave=1, iteration=number + 1, width=size[0], height=size[1], score=1.5,
        picture=key, thumbnail=small,
    )  # fmt: skip
    with api.store.write() as session:
        assert claims.add_frames(session, job.id, job.token, [frame])


def started_over(api: RunningApi, job_id: str) -> Job:
    """The job, claimed by a worker that cannot use its checkpoint, and begins again."""
    job = taken(api, job_id)
    assert job.token is not None
    with api.store.write() as session:
        assert claims.start_over(session, job.id, job.token, "another network")
    return job


def let_go(api: RunningApi, job: Job) -> None:
    """Let a claimed job go, as a worker does that has heard of a pause."""
    assert job.token is not None
    with api.store.write() as session:
        assert claims.release(session, job.id, job.token, "the worker was asked to stop")


def finished(api: RunningApi, job_id: str, *, seed: int = 1) -> bytes:
    """Finish a job with one frame; the output's bytes."""
    job = taken(api, job_id)
    framed(api, job)
    assert job.token is not None
    output, folder = picture(96, 96, seed=seed), f"jobs/{job.id}/{job.attempt}"
    api.blobs.put(f"{folder}/output.png", output)
    api.blobs.put(f"{folder}/manifest.json", b'{"dreamfarm": 1}')
    done = Finished(
        output=f"{folder}/output.png", digest=f"sha256:{hashlib.sha256(output).hexdigest()}", bytes=len(output),
        width=96, height=96, manifest=f"{folder}/manifest.json", animation=None,
    )  # fmt: skip
    with api.store.write() as session:
        assert claims.succeed(session, job.id, job.token, told(job, job.steps), done, seconds=2.5)
    return output


def failed(api: RunningApi, job_id: str, reason: str) -> None:
    """Fail a job for good."""
    job = taken(api, job_id)
    assert job.token is not None
    with api.store.write() as session:
        assert claims.fail(session, job.id, job.token, "bad_input", reason, retry_seconds=1, attempts=3)
