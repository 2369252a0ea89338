"""A farm, as programs see it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel

from api.remote import fetching, uploading, watching
from api.remote.address import find
from api.remote.errors import BadRequest, FarmError
from api.remote.transport import PATIENCE_SECONDS, Transport
from api.schemas import (
    AssetView,
    BatchPlan,
    BatchView,
    FrameView,
    JobDetail,
    JobView,
    LayerView,
    LogEntry,
    ModelView,
    PortraitView,
    SteeredBatch,
    SteeredJob,
    SubmittedBatch,
    WhoAmI,
    WorkerView,
)
from shared.specs import DreamSpec, StyleSpec
from shared.states import State

#: A job as it may be submitted: a specification, or its fields.
AnyJob = Mapping[str, Any] | DreamSpec | StyleSpec
Action = Literal["cancel", "pause", "resume", "retry"]
View = TypeVar("View", bound=BaseModel)

#: The API's largest page.
_PAGE = 500


class Farm:
    """A farm. Where it is, unless told: DREAMFARM_URL and DREAMFARM_KEY, else the farm of `dreamfarm up`.

    IDs may be shortened to any prefix that fits one job or batch only. Every method raises FarmError when the farm
    refuses, or when what is asked for cannot be sent, read or written here, and NoFarm when it does not answer; for up
    to `patience` seconds a farm that answered before is waited for.
    """

    def __init__(self, url: str | None = None, key: str | None = None, *, patience: float = PATIENCE_SECONDS) -> None:
        self.transport = Transport(find(url, key), patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.transport.close()

    @property
    def url(self) -> str:
        """The farm's address."""
        return self.transport.address.url

    # Pictures

    def upload(self, picture: str | Path | bytes) -> AssetView:
        """Bring a picture (a file, or a file's bytes) to the farm, unless it has it already."""
        return uploading.upload(self.transport, Path(picture) if isinstance(picture, str) else picture)

    def upload_all(self, pictures: Iterable[str]) -> Iterator[tuple[str, AssetView]]:
        """Bring many picture files to the farm, a few at a time; yields each path with its asset, in no order."""
        return uploading.upload_all(self.transport, pictures)

    def asset(self, id: str) -> AssetView:
        """A picture that was uploaded."""
        return AssetView.model_validate(self.transport.json("GET", f"/v1/assets/{_segment(id)}/info"))

    def download(self, asset: str) -> bytes:
        """A picture's file, as it was uploaded."""
        with self.transport.telling(), self.transport.answer(f"/v1/assets/{_segment(asset)}") as response:
            return response.read()

    # Submitting

    def submit(self, job: AnyJob, *, idempotency_key: str | None = None) -> JobDetail:
        """Submit a job. With the same key it is submitted once, however often this is called."""
        answer = self.transport.json("POST", "/v1/jobs", json=_fields(job), headers=_creating(idempotency_key))
        return JobDetail.model_validate(answer)

    def submit_batch(
        self, jobs: Iterable[AnyJob], *, name: str | None = None, idempotency_key: str | None = None
    ) -> SubmittedBatch:
        """Submit many jobs, all or nothing. With the same key they are submitted once."""
        batch = {"name": name, "jobs": [_fields(job) for job in jobs]}
        answer = self.transport.json("POST", "/v1/batches", json=batch, headers=_creating(idempotency_key))
        return SubmittedBatch.model_validate(answer)

    # Looking

    def jobs(
        self, *, states: Sequence[State] = (), batch: str | None = None, deleted: bool = False
    ) -> Iterator[JobView]:
        """The jobs in these states (all when none is named), of a batch where one is named; newest first.

        With `deleted` those in the trash, otherwise those that are not.
        """
        params = {"state": list(states) or None, "batch": batch, "deleted": _true(deleted)}
        return self._pages("/v1/jobs", params, JobView)

    def batches(self, *, deleted: bool = False) -> Iterator[BatchView]:
        """The batches, newest first; with `deleted` those in the trash."""
        return self._pages("/v1/batches", {"deleted": _true(deleted)}, BatchView)

    def job(self, id: str) -> JobDetail:
        """A job with its specification and attempts."""
        return JobDetail.model_validate(self.transport.json("GET", f"/v1/jobs/{_segment(id)}"))

    def batch(self, id: str) -> BatchView:
        """A batch."""
        return BatchView.model_validate(self.transport.json("GET", f"/v1/batches/{_segment(id)}"))

    def frames(self, job: str) -> Iterator[FrameView]:
        """A job's frames, oldest first."""
        return self._pages(f"/v1/jobs/{_segment(job)}/frames", {}, FrameView)

    def log(self, job: str) -> list[LogEntry]:
        """What happened to a job, oldest first."""
        answer = self.transport.json("GET", f"/v1/jobs/{_segment(job)}/log", params={"format": "json"})
        return [LogEntry.model_validate(entry) for entry in answer]

    def workers(self) -> list[WorkerView]:
        """The farm's workers."""
        return [WorkerView.model_validate(w) for w in self.transport.json("GET", "/v1/workers")]

    def models(self) -> list[ModelView]:
        """The networks that the farm knows."""
        return [ModelView.model_validate(m) for m in self.transport.json("GET", "/v1/models")]

    def layers(self, model: str) -> list[LayerView]:
        """A network's layers, from the picture upwards."""
        answer = self.transport.json("GET", f"/v1/models/{_segment(model)}/layers")
        return [LayerView.model_validate(layer) for layer in answer]

    def portraits(self, model: str) -> list[PortraitView]:
        """What a network's layers and channels dream of."""
        answer = self.transport.json("GET", f"/v1/models/{_segment(model)}/portraits")
        return [PortraitView.model_validate(portrait) for portrait in answer]

    def fetch_portraits(self, model: str, file: Path) -> None:
        """Bring the page with all portraits of a network into a file (JPEG), in place of what it held."""
        with fetching.telling_of_files():
            fetching.fetch_portraits(self, _segment(model), file)

    def whoami(self) -> WhoAmI:
        """Whom this client's key speaks for."""
        return WhoAmI.model_validate(self.transport.json("GET", "/v1/session"))

    # Steering

    def steer_job(self, id: str, action: Action, *, since: datetime | None = None) -> SteeredJob:
        """Cancel, pause, resume or retry a job. A retry `since` the time of a cancellation undoes it."""
        answer = self.transport.json("POST", f"/v1/jobs/{_segment(id)}/{action}", params=_since(since))
        return SteeredJob.model_validate(answer)

    def steer_batch(
        self, id: str, action: Action, *, failed_only: bool = False, since: datetime | None = None
    ) -> SteeredBatch:
        """Cancel, pause, resume or retry those jobs of a batch that can be.

        A retry takes cancelled jobs too, unless only the failed ones are wanted; `since` the time of a cancellation it
        undoes just that.
        """
        params = _since(since) | ({"failed": "true"} if failed_only else {})
        answer = self.transport.json("POST", f"/v1/batches/{_segment(id)}/{action}", params=params)
        return SteeredBatch.model_validate(answer)

    def set_job_priority(self, id: str, priority: int) -> SteeredJob:
        """Change an unfinished job's priority, from 0 (most urgent) to 9."""
        answer = self.transport.json("PATCH", f"/v1/jobs/{_segment(id)}", json={"priority": priority})
        return SteeredJob.model_validate(answer)

    def set_batch_priority(self, id: str, priority: int) -> SteeredBatch:
        """Change the priority of a batch's unfinished jobs, from 0 (most urgent) to 9."""
        answer = self.transport.json("PATCH", f"/v1/batches/{_segment(id)}", json={"priority": priority})
        return SteeredBatch.model_validate(answer)

    # Deleting

    def delete_job(self, id: str) -> SteeredJob:
        """Put a finished job into the trash, from where it can be restored until its `restorable_until`."""
        return SteeredJob.model_validate(self.transport.json("DELETE", f"/v1/jobs/{_segment(id)}"))

    def delete_batch(self, id: str) -> SteeredBatch:
        """Put a batch whose jobs are all finished into the trash."""
        return SteeredBatch.model_validate(self.transport.json("DELETE", f"/v1/batches/{_segment(id)}"))

    def restore_job(self, id: str) -> SteeredJob:
        """Bring a deleted job back from the trash."""
        return SteeredJob.model_validate(self.transport.json("POST", f"/v1/jobs/{_segment(id)}/restore"))

    def restore_batch(self, id: str, *, since: datetime | None = None) -> SteeredBatch:
        """Bring all deleted jobs of a batch back from the trash; with `since` those that were deleted then or later."""
        answer = self.transport.json("POST", f"/v1/batches/{_segment(id)}/restore", params=_since(since))
        return SteeredBatch.model_validate(answer)

    # Watching and fetching

    def events(
        self, *, batch: str | None = None, job: str | None = None, after: int | None = None
    ) -> Iterator[watching.FarmEvent]:
        """What happens on the farm from now on (or after the event numbered `after`), without end.

        A connection that breaks is taken up again where it broke.
        """
        return watching.events(self.transport, batch=batch, job=job, after=after)

    def watch(self, *ids: str) -> Iterator[JobView]:
        """Jobs (each named, or of a named batch; without IDs all that are unfinished) as they change.

        Yields each once as it is, then again after every change, and ends when all have ended.
        """
        return watching.watch(self, ids)

    def fetch(
        self, job: str, folder: str | Path, *, frames: bool = False, overwrite: bool = False
    ) -> list[fetching.Fetched]:
        """Bring a finished job's output, manifest and animation (and its frames) into a folder.

        What is there already is not fetched again. Raises FileDiffers for a file that is there and another one, unless
        it may be overwritten.
        """
        with fetching.telling_of_files():
            return list(fetching.fetch(self, self.job(job), Path(folder), frames=frames, overwrite=overwrite))

    def _pages(self, path: str, params: Mapping[str, Any], kind: type[View]) -> Iterator[View]:
        cursor: str | None = None
        while True:
            page = self.transport.json("GET", path, params={**params, "cursor": cursor, "limit": _PAGE})
            yield from (kind.model_validate(item) for item in page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    # Planning

    def plan(self, jobs: Iterable[AnyJob], *, summary: bool = False) -> BatchPlan:
        """What rendering these jobs will do and cost; nothing is submitted. With `summary` only the total."""
        batch, params = {"jobs": [_fields(job) for job in jobs]}, {"summary": _true(summary)}
        answer = self.transport.json("POST", "/v1/plan", params=params, json=batch)
        return BatchPlan.model_validate(answer)


def _fields(job: AnyJob) -> Mapping[str, Any]:
    return job.model_dump(mode="json") if isinstance(job, BaseModel) else job


def _true(wanted: bool) -> str | None:
    return "true" if wanted else None


def _creating(key: str | None) -> dict[str, str]:
    """Without a key of the caller's, one for this call, so that its repetitions create nothing twice."""
    if key and not re.fullmatch(r"[!-~]{1,200}", key):
        raise BadRequest(f"{key[:60]!r} is no idempotency key; one is 1 to 200 letters of ASCII without spaces")
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def _since(at: datetime | None) -> dict[str, str]:
    return {} if at is None else {"since": at.isoformat()}


def _segment(text: str) -> str:
    """An ID or name as a part of a path; one that would lead elsewhere is refused here."""
    if not re.fullmatch(r"[\w:-][\w:.-]*", text, re.ASCII):
        raise FarmError(f"{text!r} is neither an ID nor a name", kind="not-found", status=404)
    return text
