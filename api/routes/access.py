"""Keys and browser sessions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.auth import Admin, Caller, Viewer, bearer, cookie_name, revoked
from api.errors import ApiError, not_found
from api.routes.common import Key
from api.schemas import KeyView, MadeKey, NewKey, WhoAmI
from api.services import Farm
from api.submission import request_digest
from api.views import key_view
from shared.store import keys, sign_ins
from shared.store.jobs.submission import remember, remembered

router = APIRouter(prefix="/v1", tags=["access"])


@router.post("/session")
def open_session(
    request: Request, response: Response, farm: Farm, who: Viewer, key: Annotated[str | None, Depends(bearer)]
) -> WhoAmI:
    """Trade the key in the Authorization header for a cookie that scripts cannot read; the one before opens nothing."""
    if key is not None:
        name = cookie_name(request)
        with farm.store.write() as session:
            if name in request.cookies:
                sign_ins.sign_out(session, request.cookies[name])
            token = sign_ins.sign_in(session, key)
        if token is None:
            raise revoked()
        response.set_cookie(
            name,
            token,
            max_age=sign_ins.SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
            path="/",
        )
    return WhoAmI(owner=who.owner, role=who.role)


@router.get("/session")
def get_session(who: Viewer) -> WhoAmI:
    """Whom this request speaks for."""
    return WhoAmI(owner=who.owner, role=who.role)


@router.delete("/session", status_code=204)
def close_session(request: Request, response: Response, farm: Farm) -> None:
    """Sign this browser out; its cookie opens nothing any more."""
    name = cookie_name(request)
    if name in request.cookies:
        with farm.store.write() as session:
            sign_ins.sign_out(session, request.cookies[name])
    response.delete_cookie(name, path="/", httponly=True, samesite="strict")


@router.get("/keys")
def list_keys(farm: Farm, _who: Admin) -> list[KeyView]:
    """All keys, without the keys themselves."""
    with farm.store.read() as session:
        return [key_view(row) for row in keys.listed(session)]


@router.post("/keys", status_code=201)
def make_key(wanted: NewKey, response: Response, farm: Farm, who: Admin, idempotency_key: Key) -> MadeKey:
    """Make a key. It is shown in this answer only."""
    digest = request_digest("/v1/keys", wanted.model_dump_json().encode())
    try:
        with farm.store.write() as session:
            _refuse_again(session, who, idempotency_key, digest)
            row, key = keys.create(session, wanted.owner, wanted.role, wanted.label)
            remember(session, who.owner, idempotency_key, digest, row.id)
    except IntegrityError:
        # The same request at the same moment was faster.
        with farm.store.read() as session:
            _refuse_again(session, who, idempotency_key, digest)
        raise
    response.headers["Location"] = f"/v1/keys/{row.id}"
    return MadeKey(**dict(key_view(row)), key=key)


def _refuse_again(session: Session, who: Caller, idempotency_key: str | None, digest: str) -> None:
    made_before = remembered(session, who.owner, idempotency_key, digest)
    if made_before is not None:
        detail = f"this request made key {made_before} already; a key is shown once: revoke it and make another"
        raise ApiError(HTTPStatus.CONFLICT, "already-made", detail)


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(key_id: str, farm: Farm, _who: Admin) -> None:
    """Close a key for good."""
    with farm.store.write() as session:
        if not keys.revoke(session, key_id):
            raise not_found(f"there is no key {key_id!r}")
