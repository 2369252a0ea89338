"""The tables. Times are seconds since 1970 (UTC) by the database's clock, sizes are pixels, work is in MP·it.

A job's row is changed by `shared.store.jobs` only. `seq` orders rows by age; `id` is what people see.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, SmallInteger, String, Text, text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.states import STATES as STATES
from shared.states import TERMINAL as TERMINAL
from shared.states import Failure as Failure
from shared.states import Role as Role
from shared.states import State as State

#: SQLite counts rows only in INTEGER columns.
Seq = BigInteger().with_variant(Integer, "sqlite")
#: The few rows of a large table that the indexes of the trash, and of what workers hold, have.
_TRASHED = text("deleted_at IS NOT NULL")
_HELD = text("token IS NOT NULL")


class Table(DeclarativeBase):
    """Base of all tables."""


class Owner(Table):
    """A person (or a program) whose work is on the farm."""

    __tablename__ = "owners"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    #: MP·it rendered for the owner, never less than that of the least served active owner when work begins to wait.
    served: Mapped[float] = mapped_column(Float, default=0.0)


class ApiKey(Table):
    """A key that opens the API; only its digest is kept."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    owner: Mapped[str] = mapped_column(ForeignKey("owners.name"))
    role: Mapped[str] = mapped_column(String(10))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[float] = mapped_column(Float)
    revoked_at: Mapped[float | None] = mapped_column(Float)


class SignIn(Table):
    """A browser that was signed in with a key; only its token's digest is kept."""

    __tablename__ = "sign_ins"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    expires_at: Mapped[float] = mapped_column(Float)


class Asset(Table):
    """An uploaded picture, named by the SHA-256 of its bytes."""

    __tablename__ = "assets"
    id: Mapped[str] = mapped_column(String(71), primary_key=True)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    format: Mapped[str] = mapped_column(String(16))
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[float] = mapped_column(Float)
    #: When it was last uploaded, looked for in order to use it, or begun with, give or take an hour; None: not since it
    #: was created.
    used_at: Mapped[float | None] = mapped_column(Float)
    #: Since when it is being removed: then it is as good as gone.
    purging_since: Mapped[float | None] = mapped_column(Float)


class AssetOwner(Table):
    """Who uploaded an asset: the same picture may come from several people."""

    __tablename__ = "asset_owners"
    asset_id: Mapped[str] = mapped_column(ForeignKey("assets.id"), primary_key=True)
    owner: Mapped[str] = mapped_column(ForeignKey("owners.name"), primary_key=True)


class Batch(Table):
    """Jobs that were submitted together. A job submitted alone is a batch of one."""

    __tablename__ = "batches"
    seq: Mapped[int] = mapped_column(Seq, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(16), unique=True)
    owner: Mapped[str] = mapped_column(ForeignKey("owners.name"))
    name: Mapped[str] = mapped_column(String(200), default="")
    jobs: Mapped[int] = mapped_column(Integer)
    #: MP·it rendered for the batch, in the sense of `Owner.served`.
    served: Mapped[float] = mapped_column(Float, default=0.0)
    #: Whether any job may still run; only open batches are looked at by announce().
    open: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[float] = mapped_column(Float)
    #: Since when all of its jobs are in the trash, and since when all that are left of them are being purged.
    deleted_at: Mapped[float | None] = mapped_column(Float)
    purging_since: Mapped[float | None] = mapped_column(Float)

    __table_args__ = (Index("batches_open", "open"), Index("batches_owner", "owner", "seq"))


class Job(Table):
    """One picture to render, and how far it has come."""

    __tablename__ = "jobs"
    seq: Mapped[int] = mapped_column(Seq, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(16), unique=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"))
    #: Place in the batch, from 0.
    position: Mapped[int] = mapped_column(Integer)
    owner: Mapped[str] = mapped_column(ForeignKey("owners.name"))
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(String(80))
    preset: Mapped[str] = mapped_column(String(80))
    #: The complete specification, as JSON.
    spec: Mapped[str] = mapped_column(Text)
    #: What the planner changed or wants to be known, a sentence a line.
    notes: Mapped[str] = mapped_column(Text, default="")
    priority: Mapped[int] = mapped_column(SmallInteger)

    state: Mapped[str] = mapped_column(String(10), default="queued")
    #: Why the job is in its state, for people.
    reason: Mapped[str] = mapped_column(Text, default="")
    failure: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[float] = mapped_column(Float)
    started_at: Mapped[float | None] = mapped_column(Float)
    finished_at: Mapped[float | None] = mapped_column(Float)
    changed_at: Mapped[float] = mapped_column(Float)

    #: The message that may claim the job, and since when it is on its way.
    task_id: Mapped[str | None] = mapped_column(String(40))
    announced_at: Mapped[float | None] = mapped_column(Float)
    announcements: Mapped[int] = mapped_column(Integer, default=0)
    #: A job that backs off is not announced before this time.
    not_before: Mapped[float | None] = mapped_column(Float)

    #: The running attempt: its number, its token (who has it may change the job), its lease and worker.
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[float | None] = mapped_column(Float)
    worker: Mapped[str | None] = mapped_column(String(200))
    #: Attempts in a row that ended without a new checkpoint.
    fruitless: Mapped[int] = mapped_column(Integer, default=0)
    #: Largest tile side that still fits in memory, learnt the hard way.
    tile_limit: Mapped[int | None] = mapped_column(Integer)

    #: Progress, as last told by the worker; `checkpoint_step` is what would survive its loss.
    octave: Mapped[int] = mapped_column(Integer, default=0)
    octaves: Mapped[int] = mapped_column(Integer)
    iteration: Mapped[int] = mapped_column(Integer, default=0)
    iterations: Mapped[int] = mapped_column(Integer)
    step: Mapped[int] = mapped_column(Integer, default=0)
    steps: Mapped[int] = mapped_column(Integer)
    mpit: Mapped[float] = mapped_column(Float, default=0.0)
    mpit_total: Mapped[float] = mapped_column(Float)
    flops_total: Mapped[float] = mapped_column(Float)
    #: Seconds spent rendering, over all attempts.
    seconds: Mapped[float] = mapped_column(Float, default=0.0)
    score: Mapped[float | None] = mapped_column(Float)
    frames: Mapped[int] = mapped_column(Integer, default=0)

    checkpoint: Mapped[str | None] = mapped_column(String(200))
    checkpoint_step: Mapped[int] = mapped_column(Integer, default=0)
    checkpoint_mpit: Mapped[float] = mapped_column(Float, default=0.0)

    #: Size of the output, planned at submission.
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    output: Mapped[str | None] = mapped_column(String(200))
    output_digest: Mapped[str | None] = mapped_column(String(71))
    output_bytes: Mapped[int | None] = mapped_column(BigInteger)
    manifest: Mapped[str | None] = mapped_column(String(200))
    animation: Mapped[str | None] = mapped_column(String(200))

    #: Since when the job is in the trash, and since when its files are being removed: then it cannot be brought back.
    deleted_at: Mapped[float | None] = mapped_column(Float)
    purging_since: Mapped[float | None] = mapped_column(Float)

    __table_args__ = (
        # With `deleted_at` they have all that lists and counts ask of them, and the long rows need not be read.
        Index("jobs_head", "batch_id", "state", "priority", "seq", "deleted_at"),
        Index("jobs_state", "state", "seq", "deleted_at"),
        Index("jobs_owner", "owner", "seq"),
        Index("jobs_trash", "seq", "deleted_at", "purging_since", sqlite_where=_TRASHED, postgresql_where=_TRASHED),
        # Nothing that a heartbeat changes is in an index: PostgreSQL then need not touch any at a heartbeat (HOT updates).
        Index("jobs_held", "seq", sqlite_where=_HELD, postgresql_where=_HELD),
    )


class Attempt(Table):
    """One claim of a job by a worker, from its start to its outcome."""

    __tablename__ = "attempts"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    worker: Mapped[str] = mapped_column(String(200))
    task_id: Mapped[str | None] = mapped_column(String(40))
    started_at: Mapped[float] = mapped_column(Float)
    ended_at: Mapped[float | None] = mapped_column(Float)
    #: running, saved, succeeded, failed, lost, cancelled, paused, released, declined, unstored.
    outcome: Mapped[str] = mapped_column(String(10), default="running")
    reason: Mapped[str] = mapped_column(Text, default="")
    from_step: Mapped[int] = mapped_column(Integer)
    to_step: Mapped[int] = mapped_column(Integer)
    seconds: Mapped[float] = mapped_column(Float, default=0.0)


class Frame(Table):
    """An intermediate picture. A frame's number follows from the iteration, so that no attempt can save one twice."""

    __tablename__ = "frames"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    step: Mapped[int] = mapped_column(Integer)
    octave: Mapped[int] = mapped_column(Integer)
    iteration: Mapped[int] = mapped_column(Integer)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    score: Mapped[float | None] = mapped_column(Float)
    picture: Mapped[str] = mapped_column(String(200))
    thumbnail: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[float] = mapped_column(Float)

    __table_args__ = (Unique("job_id", "step", name="frames_step"),)


class Event(Table):
    """Something that happened, in the order in which it was committed."""

    __tablename__ = "events"
    seq: Mapped[int] = mapped_column(Seq, primary_key=True, autoincrement=True)
    at: Mapped[float] = mapped_column(Float)
    type: Mapped[str] = mapped_column(String(24))
    owner: Mapped[str] = mapped_column(String(80))
    batch_id: Mapped[str] = mapped_column(String(16))
    job_id: Mapped[str | None] = mapped_column(String(16))
    #: For people.
    reason: Mapped[str] = mapped_column(Text, default="")
    #: For programs, as JSON.
    data: Mapped[str] = mapped_column(Text, default="{}")

    __table_args__ = (Index("events_job", "job_id", "seq"), Index("events_batch", "batch_id", "seq"))


class Idempotency(Table):
    """A creating request that was answered, so that its repetition creates nothing."""

    __tablename__ = "idempotency"
    owner: Mapped[str] = mapped_column(String(80), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    #: SHA-256 of the request: the same key with another request is a mistake.
    request: Mapped[str] = mapped_column(String(64))
    #: What was created.
    resource: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[float] = mapped_column(Float)

    __table_args__ = (Index("idempotency_resource", "resource"),)


class Worker(Table):
    """A worker, as it last told of itself."""

    __tablename__ = "workers"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int] = mapped_column(Integer)
    device: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[float] = mapped_column(Float)
    seen_at: Mapped[float] = mapped_column(Float)
    job_id: Mapped[str | None] = mapped_column(String(16))
    #: Learnt from slices: forward and backward floating-point operations per second; estimates rest on it.
    flops_per_second: Mapped[float | None] = mapped_column(Float)


class StorageMark(Table):
    """What tells the storage of the farm's files from other folders (`shared.storage_mark`); one row."""

    __tablename__ = "storage_mark"
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    mark: Mapped[str] = mapped_column(String(32))
    #: None: it may not lie there yet.
    laid_at: Mapped[float | None] = mapped_column(Float)
