"""What jobs have made: frames, outputs, animations, manifests, logs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import Field

from api.auth import Viewer
from api.errors import not_found
from api.files import FILE_RESPONSE, blob_response
from api.log import as_text, entries
from api.routes.common import Cursor, Limit
from api.schemas import FrameView, LogEntry, Page
from api.services import Farm
from api.views import file_name, frame_view
from shared.store import queries
from shared.store.tables import Job

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["pictures"])

#: The largest number that a frame could have.
_LAST_NUMBER = 2**31 - 1

Download = Annotated[bool, Query(description="Save it to a file instead of showing it")]


@router.get("/frames")
def list_frames(job_id: str, farm: Farm, who: Viewer, cursor: Cursor = None, limit: Limit = 100) -> Page[FrameView]:
    """A job's frames, oldest first."""
    # Frames have ordinary integers for numbers, and PostgreSQL compares them with nothing larger.
    after = min(-1 if cursor is None else int(cursor), _LAST_NUMBER)
    with farm.store.read() as session:
        job = queries.find_job(session, job_id, who.sees)
        frames = queries.frames_page(session, job.id, after=after, limit=limit)
    more = str(frames[-1].number) if len(frames) == limit else None
    return Page(items=[frame_view(frame) for frame in frames], next=more)


@router.get("/frames/{number}", response_class=Response, responses=FILE_RESPONSE)
def get_frame(
    job_id: str,
    number: Annotated[int, Field(ge=0, le=10**9)] | Literal["latest"],
    request: Request,
    farm: Farm,
    who: Viewer,
    thumbnail: Annotated[bool, Query(description="A small copy, at most 320 pixels long")] = False,
    download: Download = False,
) -> Response:
    """A frame (JPEG): by its number, or the latest."""
    with farm.store.read() as session:
        job = queries.find_job(session, job_id, who.sees)
        frame = queries.frame(session, job.id, None if number == "latest" else number)
    key = frame.thumbnail if thumbnail else frame.picture
    return blob_response(
        request,
        farm.blobs,
        key,
        file_name=file_name(job.name, f"{job.id}-{frame.number:05d}", key),
        # The blob is another one if the job had to start over.
        etag=key,
        attach=download,
    )


@router.get("/output", response_class=Response, responses=FILE_RESPONSE)
def get_output(job_id: str, request: Request, farm: Farm, who: Viewer, download: Download = False) -> Response:
    """The finished picture."""
    job = _job(farm, who.sees, job_id)
    return _made(request, farm, job, job.output, "output", download)


@router.get("/animation", response_class=Response, responses=FILE_RESPONSE)
def get_animation(job_id: str, request: Request, farm: Farm, who: Viewer, download: Download = False) -> Response:
    """The animation of the job's frames, where one was asked for."""
    job = _job(farm, who.sees, job_id)
    if job.state == "succeeded" and job.animation is None:
        raise not_found(f"job {job.id} has no animation: it was submitted without `animation`, or its notes say why")
    return _made(request, farm, job, job.animation, "animation", download)


@router.get("/manifest", response_class=Response, responses=FILE_RESPONSE)
def get_manifest(job_id: str, request: Request, farm: Farm, who: Viewer, download: Download = False) -> Response:
    """How the output was made, as JSON: everything that is needed to make it again."""
    job = _job(farm, who.sees, job_id)
    return _made(request, farm, job, job.manifest, "manifest", download)


def _made(request: Request, farm: Farm, job: Job, key: str | None, what: str, download: bool) -> Response:
    if key is None:
        raise not_found(f"job {job.id} is {job.state}; it has no {what}{' yet' if job.finished_at is None else ''}")
    digest = (job.output_digest or "").removeprefix("sha256:")
    name = file_name(job.name, job.id, key)
    return blob_response(request, farm.blobs, key, file_name=name, etag=f"{digest}-{what}", attach=download)


@router.get(
    "/log", responses={200: {"content": {"text/plain": {}, "application/json": {}}}}, response_model=list[LogEntry]
)
def get_log(
    job_id: str,
    request: Request,
    farm: Farm,
    who: Viewer,
    format: Annotated[Literal["text", "json"] | None, Query(description="Or ask by the header Accept")] = None,
) -> Response:
    """What happened to a job, with times and reasons, for people; as JSON for programs."""
    with farm.store.read() as session:
        job = queries.find_job(session, job_id, who.sees)
        log = entries(job, queries.events_of(session, job.id, job.batch_id), queries.attempts(session, job.id))
    wants_json = format == "json" or (format is None and "application/json" in request.headers.get("accept", ""))
    if wants_json:
        return JSONResponse([entry.model_dump(mode="json") for entry in log])
    return PlainTextResponse(as_text(job, log))


def _job(farm: Farm, owner: str | None, job_id: str) -> Job:
    with farm.store.read() as session:
        return queries.find_job(session, job_id, owner)
