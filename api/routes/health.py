"""For machines that watch this one: liveness, readiness, numbers. Open without a key; they tell nothing of people."""

from __future__ import annotations

import os
from http import HTTPStatus

import obstore.exceptions
from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from api.schemas import Readiness
from api.services import Farm, Services
from shared.store.schema import is_newer, newest

router = APIRouter(tags=["health"])

_OK = "ok"
#: Nothing is refused because of it.
_NEWER = "the schema was made by a newer version; update this API"


@router.get("/healthz")
async def get_health() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"model": Readiness}})
def get_readiness(farm: Farm, response: Response) -> Readiness:
    """Whether requests can be served. Without Redis they can: jobs are taken and wait."""
    checks = {"sql": _sql(farm), "blobs": _blobs(farm), "redis": _redis(farm)}
    if checks["sql"] not in (_OK, _NEWER) or checks["blobs"] != _OK:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return Readiness(status="unavailable", checks=checks)
    is_all_well = all(found == _OK for found in checks.values())
    return Readiness(status="ready" if is_all_well else "degraded", checks=checks)


@router.get("/metrics", response_class=PlainTextResponse)
def get_metrics(farm: Farm) -> Response:
    """Numbers for Prometheus."""
    return Response(farm.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _sql(farm: Services) -> str:
    try:
        with farm.store.read() as session:
            session.execute(select(1))
            revision = session.scalar(text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError:
        return "cannot be reached, or has no schema yet (dreamfarm db upgrade)"
    if is_newer(revision):
        return _NEWER
    if revision != newest():
        return f"the schema is {revision}, this version needs {newest()} (dreamfarm db upgrade)"
    return _OK


def _blobs(farm: Services) -> str:
    folder = farm.blobs.folder
    if folder is not None and not os.access(folder, os.W_OK):
        return f"{folder} is missing or cannot be written to"
    try:
        farm.blobs.exists("readyz")
    except (obstore.exceptions.BaseError, OSError) as error:
        return f"cannot be reached: {type(error).__name__}"
    return _OK


def _redis(farm: Services) -> str:
    return _OK if farm.doorbell.answers() else "cannot be reached; jobs wait"
