"""Jobs: submit, list, look at, steer, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.auth import Caller, Submitter, Viewer
from api.bodies import media_type, parse_json, read_body, unsupported
from api.openapi import job_body
from api.routes.common import Cursor, Deleted, Key, Limit, Since, position, reason_of, seconds
from api.schemas import JobDetail, JobView, Page, PriorityChange, SteeredJob
from api.services import Farm, Services
from api.submission import from_job, planned, replayed, request_digest, store
from api.views import job_detail, job_view, when
from shared.store import queries
from shared.store.jobs import steering, trash
from shared.store.jobs.steering import ActionName
from shared.store.tables import State

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post("", status_code=202, openapi_extra=job_body())
async def submit_job(request: Request, response: Response, farm: Farm, who: Submitter, key: Key) -> JobDetail:
    """Submit one job. It is a batch of one."""
    if media_type(request) != "application/json":
        raise unsupported(request, "application/json")
    body = await read_body(request, farm.settings.max_batch_bytes)
    job, again = await run_in_threadpool(_submit, farm, who, body, key)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if again:
        response.headers["Idempotency-Replayed"] = "true"
    return job


def _submit(farm: Services, who: Caller, body: bytes, key: str | None) -> tuple[JobDetail, bool]:
    digest = request_digest("/v1/jobs", body)
    stored = replayed(farm, who, key, digest)
    if stored is None:
        jobs = planned(farm, who, from_job(parse_json(body)))
        stored = store(farm, who, "", jobs, key=key, digest=digest)
    with farm.store.read() as session:
        (job_id,) = queries.job_ids(session, stored.batch_id, limit=1)
        job = queries.find_job(session, job_id, None)
        return job_detail(job, queries.attempts(session, job.id), farm.settings.trash_seconds), stored.replayed


@router.get("")
def list_jobs(
    farm: Farm,
    who: Viewer,
    state: Annotated[list[State] | None, Query(description="May be given several times")] = None,
    batch: Annotated[str | None, Query(description="A batch's ID or prefix")] = None,
    deleted: Deleted = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[JobView]:
    """Jobs, newest first."""
    with farm.store.read() as session:
        batch_id = None if batch is None else queries.find_batch(session, batch, who.sees).id
        jobs = queries.jobs_page(
            session,
            who.sees,
            states=state or (),
            batch_id=batch_id,
            before=position(cursor),
            limit=limit,
            deleted=deleted,
        )
    more = str(jobs[-1].seq) if len(jobs) == limit else None
    return Page(items=[job_view(job, farm.settings.trash_seconds) for job in jobs], next=more)


@router.get("/{job_id}")
def get_job(job_id: str, farm: Farm, who: Viewer) -> JobDetail:
    """A job with its specification, progress and attempts."""
    with farm.store.read() as session:
        job = queries.find_job(session, job_id, who.sees)
        return job_detail(job, queries.attempts(session, job.id), farm.settings.trash_seconds)


@router.delete("/{job_id}")
def delete_job(job_id: str, farm: Farm, who: Submitter) -> SteeredJob:
    """Put a finished job into the trash, from where it can be restored for a while; repeating it changes nothing."""
    with farm.store.write() as session:
        job = queries.find_job(session, job_id, who.sees)
        done = trash.put(session, job_id=job.id, reason=f"deleted by {who.owner}")
        session.refresh(job)
    return SteeredJob(changed=len(done), job=job_view(job, farm.settings.trash_seconds))


# Before the other actions, whose address would take its own.
@router.post("/{job_id}/restore")
def restore_job(job_id: str, farm: Farm, who: Submitter) -> SteeredJob:
    """Bring a deleted job back from the trash, as it was; repeating it changes nothing."""
    with farm.store.write() as session:
        job = queries.find_job(session, job_id, who.sees)
        done = trash.restore(session, job_id=job.id, reason=f"restored by {who.owner}")
        session.refresh(job)
    return SteeredJob(changed=len(done), job=job_view(job, farm.settings.trash_seconds))


@router.post("/{job_id}/{action}")
def steer_job(job_id: str, action: ActionName, farm: Farm, who: Submitter, since: Since = None) -> SteeredJob:
    """Cancel, pause, resume or retry a job. Checkpoints are kept; repeating it changes nothing."""
    undoing = seconds(since) if action == "retry" else None
    with farm.store.write() as session:
        job = queries.find_job(session, job_id, who.sees)
        done = steering.steer(session, action, job_id=job.id, reason=reason_of(action, who), since=undoing)
        session.refresh(job)
    farm.doorbell.interrupt(done.task_ids)
    at = when(done.at) if action == "cancel" else None
    return SteeredJob(changed=len(done.job_ids), at=at, job=job_view(job, farm.settings.trash_seconds))


@router.patch("/{job_id}")
def change_job(job_id: str, change: PriorityChange, farm: Farm, who: Submitter) -> SteeredJob:
    """Change an unfinished job's priority."""
    with farm.store.write() as session:
        job = queries.find_job(session, job_id, who.sees)
        changed = steering.set_priority(session, change.priority, job_id=job.id)
        session.refresh(job)
    farm.doorbell.announce()
    return SteeredJob(changed=len(changed), job=job_view(job, farm.settings.trash_seconds))
