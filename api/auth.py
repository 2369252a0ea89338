"""Who asks, and what they may do.

Programs send `Authorization: Bearer <key>`. Browsers trade the key for a token in a cookie that scripts cannot read;
because a browser sends cookies with every request, whoever caused it, changes by cookie need a header that other sites
cannot set.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.errors import ApiError
from api.services import Farm
from shared.store import keys, sign_ins
from shared.store.tables import Role

#: Must come with changes that are authorised by the cookie.
CSRF_HEADER = "X-Dreamfarm"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_RANK: dict[Role, int] = {"viewer": 0, "submitter": 1, "admin": 2}

_bearer = HTTPBearer(auto_error=False, description="An API key; `dreamfarm up` writes one into its data folder")


@dataclass(frozen=True)
class Caller:
    """Whom a request speaks for."""

    owner: str
    role: Role

    @property
    def sees(self) -> str | None:
        """The owner whose work the caller sees; None: everybody's."""
        return None if self.role == "admin" else self.owner


def bearer(credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> str | None:
    """The key in the Authorization header."""
    return None if credentials is None else credentials.credentials


def cookie_name(request: Request) -> str:
    """What a browser's session is kept under. Cookies are shared by all ports of a host, so it tells farms apart."""
    # As the browser sees it: behind a proxy, and in a container, the farm's own port is another one.
    port = request.headers.get("host", "").rpartition(":")[2]
    return f"dreamfarm_session_{port}" if port.isascii() and port.isdecimal() else "dreamfarm_session"


def caller(request: Request, farm: Farm, key: Annotated[str | None, Depends(bearer)]) -> Caller:
    """Who asks. Raises ApiError 401 without a valid key, 403 for a change by cookie without the header."""
    token = request.cookies.get(cookie_name(request))
    if key is None and token is None:
        raise _unauthorised("send an API key: Authorization: Bearer <key>")
    with farm.store.read() as session:
        identity = keys.identify(session, key) if key is not None else sign_ins.identify(session, token or "")
    if identity is None and key is not None:
        raise revoked()
    if identity is None:
        raise _unauthorised("this browser is not signed in any more: sign in with a key")
    if key is None and request.method not in _SAFE_METHODS and request.headers.get(CSRF_HEADER) != "1":
        raise ApiError(HTTPStatus.FORBIDDEN, "forbidden", f"changes by cookie need the header {CSRF_HEADER}: 1")
    return Caller(identity.owner, identity.role)


def submitter(who: Annotated[Caller, Depends(caller)]) -> Caller:
    """Who asks, if they may submit and steer jobs."""
    return _at_least("submitter", who)


def admin(who: Annotated[Caller, Depends(caller)]) -> Caller:
    """Who asks, if they may do everything."""
    return _at_least("admin", who)


def _at_least(role: Role, who: Caller) -> Caller:
    if _RANK[who.role] < _RANK[role]:
        detail = f"this key's role is {who.role}; only a {role} may do this"
        raise ApiError(HTTPStatus.FORBIDDEN, "forbidden", detail)
    return who


def revoked() -> ApiError:
    """The answer to a key that opens nothing, or not any more."""
    return _unauthorised("the API key is unknown or was revoked")


def _unauthorised(detail: str) -> ApiError:
    return ApiError(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


Viewer = Annotated[Caller, Depends(caller)]
Submitter = Annotated[Caller, Depends(submitter)]
Admin = Annotated[Caller, Depends(admin)]
