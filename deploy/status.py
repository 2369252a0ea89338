"""`dreamfarm status`: what of a farm runs, where it is reached, and what it has to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from deploy import farmfile
from shared.settings import Settings
from shared.store.tables import State


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """A service's process."""

    pid: int
    state: Literal["ready", "starting", "ended"]
    restarts: int


@dataclass(frozen=True, kw_only=True)
class WorkerStatus:
    """A worker, as it last told of itself."""

    name: str
    device: str
    #: The job that it renders.
    job: str | None


@dataclass(frozen=True, kw_only=True)
class Status:
    """A farm."""

    data: str
    state: Literal["starting", "running", "stopping", "stopped", "crashed"]
    version: str | None
    pid: int | None
    gallery: str | None
    flower: str | None
    flower_user: str | None
    flower_password: str | None
    services: Mapping[str, ServiceStatus]
    #: Jobs by state; empty where the database cannot be read.
    jobs: Mapping[State, int]
    #: What queued and running jobs have left to do, in MP·it.
    mpit_left: float
    workers: tuple[WorkerStatus, ...]
    #: What could not be found out, and why.
    problems: tuple[str, ...]


def status(settings: Settings) -> Status:
    """The state of the farm in the settings' data folder."""
    farm = farmfile.read(settings.data)
    locked = farmfile.is_locked(settings.data)
    work = _work(settings)
    key = settings.data / "key"
    return Status(
        data=str(settings.data),
        state=(farm.state if farm else "starting") if locked else ("crashed" if farm else "stopped"),
        version=farm.version if farm else None,
        pid=farm.supervisor.pid if farm and locked else None,
        gallery=f"{farm.api}/#key={key.read_text().strip()}" if farm and key.exists() else None,
        flower=farm.flower if farm else None,
        flower_user=farm.flower_user if farm else None,
        flower_password=farm.flower_password if farm else None,
        services={name: _service(mark) for name, mark in farm.services.items()} if farm else {},
        jobs=work.jobs,
        mpit_left=work.mpit_left,
        workers=work.workers,
        problems=work.problems,
    )


def _service(mark: farmfile.ServiceMark) -> ServiceStatus:
    alive = mark.process.find() is not None
    state: Literal["ready", "starting", "ended"] = "ended" if not alive else "ready" if mark.ready else "starting"
    return ServiceStatus(pid=mark.process.pid, state=state, restarts=mark.restarts)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What the database says."""

    jobs: Mapping[State, int] = field(default_factory=dict)
    mpit_left: float = 0.0
    workers: tuple[WorkerStatus, ...] = ()
    problems: tuple[str, ...] = ()


def _work(settings: Settings) -> _Work:
    from sqlalchemy.exc import SQLAlchemyError

    from shared.store import Store
    from shared.store.queries import totals, workers

    if settings.database_url is None and not (settings.data / "dreamfarm.db").exists():
        return _Work()
    store = Store(settings.database)
    try:
        with store.read() as session:
            numbers = totals(session)
            living = tuple(
                WorkerStatus(name=worker.name, device=worker.device, job=worker.job_id)
                for worker, live in workers(session)
                if live
            )
        return _Work(jobs=numbers.jobs, mpit_left=numbers.queued_mpit, workers=living)
    except SQLAlchemyError as error:
        return _Work(problems=(f"the database cannot be read: {str(error).splitlines()[0]}",))
    finally:
        store.dispose()
