"""The doctor's checks of Redis, SQL and storage: each is used as the farm would use it."""

from __future__ import annotations

import contextlib
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from deploy import farmfile, redis_server
from deploy.doctor import Check
from shared.blobs import open_blobs
from shared.settings import Settings
from shared.store import Store, now
from shared.store.schema import is_newer, newest

_REDIS_SECONDS = 5.0
#: Leases go by the database's clock alone; beyond this, the times that people are shown begin to confuse.
_CLOCK_SECONDS = 5.0


def check_queue(settings: Settings) -> Check:
    """Whether Redis answers: the given one, the running farm's, or one started for the purpose."""
    if settings.redis_url is None and not farmfile.is_locked(settings.data):
        return _try_embedded()
    return _ask(settings.broker)


def check_sql(settings: Settings) -> Check:
    """Whether the database answers and has the current schema."""
    name, url = "sql", _public(settings.database)
    if settings.database_url is None and not (settings.data / "dreamfarm.db").exists():
        return Check(name=name, result="passes", found=f"{url} will be made by `dreamfarm up`")
    try:
        with _opened(settings) as store, store.read() as session:
            has = session.scalar(text("SELECT version_num FROM alembic_version"))
            skew = (session.scalar(select(now())) or 0.0) - time.time()
    except ModuleNotFoundError as error:
        remedy = "pip install 'dreamfarm[postgres]'"
        return Check(name=name, result="fails", found=f"no driver for {url}: {error}", remedy=remedy)
    except SQLAlchemyError as error:
        complaint = str(error.__cause__ or error).splitlines()[0]
        remedy = "check DREAMFARM_DATABASE_URL and the server; a database without tables needs `dreamfarm db upgrade`"
        return Check(name=name, result="fails", found=f"{url}: {complaint}", remedy=remedy)
    if is_newer(has):
        found = f"{url} is at revision {has}, which a newer version of dreamfarm has made"
        return Check(name=name, result="warns", found=found, remedy="update dreamfarm on this machine")
    if has != newest():
        remedy = "`dreamfarm db upgrade`"
        return Check(name=name, result="fails", found=f"{url} is at revision {has}, not {newest()}", remedy=remedy)
    if abs(skew) > _CLOCK_SECONDS:
        found = f"the clock of {url} differs from this machine's by {skew:+.0f} s"
        return Check(name=name, result="warns", found=found, remedy="run a time service (NTP) on both")
    return Check(name=name, result="passes", found=f"{url} at revision {has}")


def check_storage(settings: Settings) -> Check:
    """Whether a blob can be written, read and deleted."""
    url = settings.blobs
    if settings.blobs_url is None and not settings.data.exists():
        return Check(name="storage", result="passes", found=f"{url} will be made by `dreamfarm up`")
    key, content = f"doctor/{secrets.token_hex(8)}", secrets.token_bytes(64)
    remedy = "check DREAMFARM_BLOBS_URL, DREAMFARM_S3_ENDPOINT, the AWS variables, and who may write there"
    try:
        blobs = open_blobs(settings)
        blobs.put(key, content)
        same = blobs.get(key) == content
        blobs.delete(key)
    except Exception as error:  # noqa: BLE001 - obstore's errors have no common base
        complaint = (str(error).splitlines() or [type(error).__name__])[0]
        return Check(name="storage", result="fails", found=f"{url}: {complaint}", remedy=remedy)
    if not same:
        return Check(name="storage", result="fails", found=f"{url} gave back other bytes than were put", remedy=remedy)
    return Check(name="storage", result="passes", found=f"{url}: written, read and deleted a blob")


def _try_embedded() -> Check:
    """Start the embedded server in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="dreamfarm-doctor-") as folder:
        server = redis_server.prepare(Path(folder))
        with subprocess.Popen(server.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                deadline = time.monotonic() + _REDIS_SECONDS
                while not (answers := server.answers()) and process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.02)
            finally:
                process.kill()
                said = process.communicate()[0].strip()
                redis_server.clean(Path(folder))
    if answers:
        return Check(name="redis", result="passes", found=f"{server.binary} starts and answers")
    complaint = (said.splitlines() or ["it does not answer"])[-1]
    remedy = "install valkey or redis, or name a running server with DREAMFARM_REDIS_URL"
    return Check(name="redis", result="fails", found=f"{server.binary}: {complaint}", remedy=remedy)


def _ask(url: str) -> Check:
    from kombu.exceptions import OperationalError

    from shared.queue import celery_app

    try:
        with celery_app(url).connection_for_read() as connection:
            version = str(connection.default_channel.client.info("server")["redis_version"])
    except (OperationalError, OSError) as error:
        remedy = "check DREAMFARM_REDIS_URL and the server; unset it to use the embedded one"
        complaint = str(error).splitlines()[0]
        return Check(name="redis", result="fails", found=f"{_public(url)}: {complaint}", remedy=remedy)
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < (6, 2):
        found, remedy = f"{_public(url)} is version {version}", "use Redis 6.2 or newer, or Valkey"
        return Check(name="redis", result="fails", found=found, remedy=remedy)
    return Check(name="redis", result="passes", found=f"{_public(url)} answers (version {version})")


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    store = Store(settings.database)
    try:
        yield store
    finally:
        store.dispose()


def _public(url: str) -> str:
    """The URL without its password."""
    return re.sub(r"(://[^/@]*):[^/@]*@", r"\1:***@", url)
