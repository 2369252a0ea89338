"""Batches: submit, list, look at, steer, delete, fetch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from zipstream import ZipStream

from api.auth import Caller, Submitter, Viewer
from api.bodies import media_type, parse_json, read_body, unsupported
from api.errors import not_found
from api.files import FILE_RESPONSE, content_disposition
from api.openapi import batch_body
from api.routes.common import Cursor, Deleted, Key, Limit, Since, position, reason_of, seconds
from api.schemas import BatchView, NoteCount, Page, PriorityChange, SteeredBatch, SubmittedBatch
from api.services import Farm, Services
from api.submission import Submission, from_batch, from_ndjson, planned, replayed, request_digest, store
from api.views import batch_view, file_name, when
from shared.blobs import BlobMissing, Blobs
from shared.sheets import MAX_PICTURES, contact_sheet
from shared.store import queries
from shared.store.jobs import steering, trash
from shared.store.jobs.steering import ActionName
from shared.store.tables import Batch, Frame

router = APIRouter(prefix="/v1/batches", tags=["batches"])

_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
#: IDs in the answer to a submission; the others are listed by GET /v1/jobs?batch=.
_JOB_IDS = 1_000
#: Frames of more megapixels go onto a contact sheet as thumbnails: a sheet of 400 must be made within seconds.
_SHEET_MEGAPIXELS = 2.0


@router.post("", status_code=202, openapi_extra=batch_body())
async def submit_batch(
    request: Request,
    response: Response,
    farm: Farm,
    who: Submitter,
    key: Key,
    name: Annotated[str, Query(max_length=200, description="The batch's name, with NDJSON")] = "",
) -> SubmittedBatch:
    """Submit up to 100,000 jobs, all or nothing: a JSON object, or NDJSON with one job a line."""
    kind = media_type(request)
    if kind != "application/json" and kind not in _NDJSON:
        raise unsupported(request, "application/json", "application/x-ndjson")
    body = await read_body(request, farm.settings.max_batch_bytes)
    parse = partial(from_ndjson, name=name) if kind in _NDJSON else _from_json
    digest = request_digest("/v1/batches", body, name)
    batch, again = await run_in_threadpool(_submit, farm, who, partial(parse, body), key, digest)
    response.headers["Location"] = f"/v1/batches/{batch.id}"
    if again:
        response.headers["Idempotency-Replayed"] = "true"
    return batch


def _from_json(body: bytes) -> Submission:
    return from_batch(parse_json(body))


def _submit(
    farm: Services, who: Caller, parse: Callable[[], Submission], key: str | None, digest: str
) -> tuple[SubmittedBatch, bool]:
    stored = replayed(farm, who, key, digest)
    if stored is None:
        submission = parse()
        stored = store(farm, who, submission.name, planned(farm, who, submission), key=key, digest=digest)
    with farm.store.read() as session:
        view = _view(farm, session, queries.find_batch(session, stored.batch_id, None))
        ids = list(queries.job_ids(session, stored.batch_id, limit=_JOB_IDS))
        notes = [NoteCount(note=note, jobs=jobs) for note, jobs in queries.notes(session, stored.batch_id)]
    return SubmittedBatch(**dict(view), notes=notes, job_ids=ids), stored.replayed


@router.get("")
def list_batches(
    farm: Farm, who: Viewer, deleted: Deleted = False, cursor: Cursor = None, limit: Limit = 50
) -> Page[BatchView]:
    """Batches, newest first."""
    with farm.store.read() as session:
        batches = queries.batches_page(session, who.sees, before=position(cursor), limit=limit, deleted=deleted)
        counts, speed = queries.counts(session, [batch.id for batch in batches]), queries.speed(session)
    more = str(batches[-1].seq) if len(batches) == limit else None
    kept = farm.settings.trash_seconds
    return Page(items=[batch_view(batch, counts[batch.id], speed, kept) for batch in batches], next=more)


@router.get("/{batch_id}")
def get_batch(batch_id: str, farm: Farm, who: Viewer) -> BatchView:
    """A batch: its jobs by state, and how far it has come."""
    with farm.store.read() as session:
        return _view(farm, session, queries.find_batch(session, batch_id, who.sees))


def _view(farm: Services, session: Session, batch: Batch) -> BatchView:
    counts = queries.counts(session, [batch.id])[batch.id]
    return batch_view(batch, counts, queries.speed(session), farm.settings.trash_seconds)


@router.delete("/{batch_id}")
def delete_batch(batch_id: str, farm: Farm, who: Submitter) -> SteeredBatch:
    """Put a batch whose jobs are all finished into the trash, from where it can be restored for a while."""
    with farm.store.write() as session:
        batch = queries.find_batch(session, batch_id, who.sees)
        done = trash.put(session, batch_id=batch.id, reason=f"deleted by {who.owner}")
        view = _view(farm, session, batch)
    return SteeredBatch(changed=len(done), at=view.deleted_at, batch=view)


# Before the other actions, whose address would take its own.
@router.post("/{batch_id}/restore")
def restore_batch(batch_id: str, farm: Farm, who: Submitter, since: Since = None) -> SteeredBatch:
    """Bring all deleted jobs of a batch back from the trash, also those that were deleted one by one."""
    with farm.store.write() as session:
        batch = queries.find_batch(session, batch_id, who.sees)
        done = trash.restore(session, batch_id=batch.id, reason=f"restored by {who.owner}", since=seconds(since))
        view = _view(farm, session, batch)
    return SteeredBatch(changed=len(done), batch=view)


@router.post("/{batch_id}/{action}")
def steer_batch(
    batch_id: str,
    action: ActionName,
    farm: Farm,
    who: Submitter,
    failed: Annotated[bool, Query(description="With retry: only failed jobs, not cancelled ones")] = False,
    since: Since = None,
) -> SteeredBatch:
    """Cancel, pause, resume or retry the jobs of a batch that can be; the others stay as they are."""
    with farm.store.write() as session:
        batch = queries.find_batch(session, batch_id, who.sees)
        done = steering.steer(
            session,
            action,
            batch_id=batch.id,
            reason=reason_of(action, who),
            only=("failed",) if failed and action == "retry" else None,
            since=seconds(since) if action == "retry" else None,
        )
        view = _view(farm, session, batch)
    farm.doorbell.interrupt(done.task_ids)
    at = when(done.at) if action == "cancel" else None
    return SteeredBatch(changed=len(done.job_ids), at=at, batch=view)


@router.patch("/{batch_id}")
def change_batch(batch_id: str, change: PriorityChange, farm: Farm, who: Submitter) -> SteeredBatch:
    """Change the priority of a batch's unfinished jobs."""
    with farm.store.write() as session:
        batch = queries.find_batch(session, batch_id, who.sees)
        changed = steering.set_priority(session, change.priority, batch_id=batch.id)
        view = _view(farm, session, batch)
    farm.doorbell.announce()
    return SteeredBatch(changed=len(changed), batch=view)


@router.get("/{batch_id}/outputs.zip", response_class=StreamingResponse, responses=FILE_RESPONSE)
def get_outputs(batch_id: str, request: Request, farm: Farm, who: Viewer) -> Response:
    """All outputs so far in one archive, made while it is sent."""
    with farm.store.read() as session:
        batch = queries.find_batch(session, batch_id, who.sees)
        outputs = queries.outputs(session, batch.id)
    if not outputs:
        raise not_found(f"batch {batch.id} has no output yet")
    digits = len(str(batch.jobs))
    named = [(file_name(name, f"{place + 1:0{digits}d}", key), key) for place, name, key in outputs]
    headers = {
        "Content-Disposition": content_disposition(file_name(batch.name or "batch", batch.id, ".zip"), attach=True)
    }
    if request.method == "HEAD":
        return Response(media_type="application/zip", headers=headers)  # nobody knows its length before it is made
    return StreamingResponse(_archive(farm.blobs, named), media_type="application/zip", headers=headers)


def _archive(blobs: Blobs, named: list[tuple[str, str]]) -> Iterator[bytes]:
    """A ZIP file whose members are stored as they are: pictures do not get smaller."""
    archive, missing = ZipStream(), []
    for name, key in named:
        try:
            archive.add(blobs.stream(key), name)
        except BlobMissing:
            missing.append(name)
            continue
        yield from archive.all_files()
    if missing:
        archive.add("These outputs are missing from the blob store:\n" + "\n".join(missing) + "\n", "MISSING.txt")
    yield from archive.finalize()


@router.get("/{batch_id}/contact-sheet", response_class=Response, responses=FILE_RESPONSE)
def get_contact_sheet(batch_id: str, farm: Farm, who: Viewer) -> Response:
    """The newest frame of every job on one page (JPEG)."""
    with farm.store.read() as session:
        batch = queries.find_batch(session, batch_id, who.sees)
        pairs = queries.latest_frames(session, batch.id, limit=MAX_PICTURES)
    if not pairs:
        raise not_found(f"batch {batch.id} has no frame yet")
    captions = [job.name if job.state == "succeeded" else f"{job.name} ({job.state})" for job, _ in pairs]
    pictures = [
        (caption, _sheet_picture(farm.blobs, frame)) for caption, (_, frame) in zip(captions, pairs, strict=True)
    ]
    page = contact_sheet(pictures, title=batch.name or f"Batch {batch.id}")
    return Response(page, media_type="image/jpeg", headers={"Cache-Control": "private, no-cache"})


def _sheet_picture(blobs: Blobs, frame: Frame) -> bytes:
    large = frame.width * frame.height > _SHEET_MEGAPIXELS * 1e6
    return blobs.get(frame.thumbnail if large else frame.picture)
