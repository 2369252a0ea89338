"""Is this container's part well? `python -m deploy.health api|flower|worker|sweeper` ends with 0 or 1, and says why."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import httpx
from sqlalchemy.exc import SQLAlchemyError

from deploy.services import api_url, flower_url
from shared.settings import Settings
from shared.store import Store
from shared.store.queries import totals, workers

_SECONDS = 5.0


def check_api(settings: Settings) -> str | None:
    """What is wrong with the API."""
    return _asked(f"{api_url(settings)}/readyz")


def check_flower(settings: Settings) -> str | None:
    """What is wrong with Flower."""
    return _asked(f"{flower_url(settings)}/healthcheck")


def check_worker(settings: Settings) -> str | None:
    """What is wrong with this host's worker: it tells the database every few seconds that it is there."""
    store = Store(settings.database)
    host = socket.gethostname()
    try:
        with store.read() as session:
            here = [live for worker, live in workers(session) if worker.host == host]
    except SQLAlchemyError as error:
        return f"the database cannot be read: {error}"
    finally:
        store.dispose()
    return None if any(here) else f"no worker of {host} has told of itself lately"


def check_sweeper(settings: Settings) -> str | None:
    """What keeps the sweeper from its work. It serves nobody, so it cannot be asked; its process is the container's."""
    store = Store(settings.database)
    try:
        with store.read() as session:
            totals(session)
    except SQLAlchemyError as error:
        return f"the database cannot be read: {error}"
    finally:
        store.dispose()
    return None


CHECKS: dict[str, Callable[[Settings], str | None]] = {
    "api": check_api,
    "flower": check_flower,
    "worker": check_worker,
    "sweeper": check_sweeper,
}


def main() -> int:
    """Check the part that the argument names."""
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        print(f"usage: python -m deploy.health {'|'.join(CHECKS)}", file=sys.stderr)
        return 2
    wrong = CHECKS[sys.argv[1]](Settings())
    if wrong is not None:
        print(wrong, file=sys.stderr)
        return 1
    return 0


def _asked(url: str) -> str | None:
    try:
        answer = httpx.get(url, timeout=_SECONDS, trust_env=False)
    except httpx.TransportError as error:
        return f"{url}: {error}"
    return None if answer.is_success else f"{url} answers {answer.status_code}: {answer.text[:300]}"


if __name__ == "__main__":
    sys.exit(main())
