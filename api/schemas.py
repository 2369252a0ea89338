"""What the API answers. Times are UTC (ISO 8601), sizes pixels, work MP·it (megapixel-iterations)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from shared.problems import unknown_field
from shared.states import Role, State

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A part of a list, newest first unless said otherwise."""

    items: list[Item]
    next: str | None = Field(description="Give it as `cursor` for the next page; null on the last")


class AssetView(BaseModel):
    """An uploaded picture."""

    id: str = Field(examples=["sha256:" + "0" * 64])
    width: int
    height: int
    format: str
    bytes: int
    created_at: datetime
    links: dict[str, str]


class Progress(BaseModel):
    """How far a job has come. Octaves and iterations count from 1; `share` is of the work, 0 to 1."""

    octave: int
    octaves: int
    iteration: int
    iterations: int
    step: int = Field(description="Iterations done, over all octaves")
    steps: int
    mpit: float
    mpit_total: float
    share: float
    score: float | None
    seconds: float = Field(description="Spent rendering so far")
    seconds_left: float | None = Field(description="Estimate, from this job's own speed; null before its first slice")


class OutputView(BaseModel):
    """A finished job's picture."""

    digest: str
    bytes: int
    width: int
    height: int
    format: str
    file_name: str


class AttemptView(BaseModel):
    """One claim of a job by a worker."""

    number: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    reason: str
    from_step: int
    to_step: int
    seconds: float


class JobView(BaseModel):
    """A job."""

    id: str
    batch: str
    position: int = Field(description="Place in its batch, from 0")
    owner: str
    kind: str
    name: str
    model: str
    preset: str
    priority: int
    state: State
    reason: str = Field(description="Why it is in this state, for people")
    failure: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    changed_at: datetime
    attempt: int
    worker: str | None
    width: int
    height: int
    frames: int
    progress: Progress
    output: OutputView | None
    notes: list[str]
    deleted_at: datetime | None = Field(None, description="Since when it is in the trash")
    restorable_until: datetime | None = Field(None, description="When it is removed for good, unless it is restored")
    links: dict[str, str]


class JobDetail(JobView):
    """A job with its specification and attempts."""

    spec: dict[str, Any]
    attempts: list[AttemptView]


class BatchProgress(BaseModel):
    """How far a batch has come."""

    mpit: float
    mpit_total: float
    share: float
    seconds: float = Field(description="Spent rendering so far, over all workers")
    seconds_left: float | None = Field(description="Estimate for the farm as it is; null until a slice was rendered")


class NoteCount(BaseModel):
    """What the planner wants to be known, and of how many jobs."""

    note: str
    jobs: int


class BatchView(BaseModel):
    """A batch."""

    id: str
    owner: str
    name: str
    jobs: int = Field(description="Without those that were deleted; of a deleted batch, those in the trash")
    open: bool = Field(description="Whether any job may still run")
    states: dict[State, int]
    frames: int
    progress: BatchProgress
    created_at: datetime
    deleted_at: datetime | None = Field(None, description="Since when all of its jobs are in the trash")
    restorable_until: datetime | None = Field(None, description="When they are removed for good, unless restored")
    links: dict[str, str]


class SubmittedBatch(BatchView):
    """A batch that was just submitted."""

    notes: list[NoteCount]
    job_ids: list[str] = Field(description="IDs of the first 1,000 jobs, in order")


class SteeredJob(BaseModel):
    """What an action did to a job."""

    changed: int = Field(description="1, or 0 when the job was already so, or is not what `since` undoes")
    at: datetime | None = Field(default=None, description="When, of cancelling: `since` for a `retry` that undoes it")
    job: JobView


class SteeredBatch(BaseModel):
    """What an action did to a batch."""

    changed: int = Field(description="Jobs that the action changed")
    at: datetime | None = Field(
        default=None,
        description="When, of cancelling and deleting: `since` for `retry` or `restore` that undo just that",
    )
    batch: BatchView


class FrameView(BaseModel):
    """An intermediate picture."""

    number: int
    step: int
    octave: int
    iteration: int
    width: int
    height: int
    score: float | None
    created_at: datetime
    links: dict[str, str]


class LogEntry(BaseModel):
    """Something that happened to a job."""

    at: datetime
    type: str
    text: str


class OctaveView(BaseModel):
    """One octave of a plan."""

    width: int
    height: int
    iterations: int
    tile: int
    tiles: int
    mpit: float


class PlanView(BaseModel):
    """What rendering a job will do and cost."""

    octaves: list[OctaveView]
    width: int
    height: int
    steps: int
    mpit: float
    flops: float
    peak_bytes: int
    seconds: float | None = Field(description="Estimate for one worker; null until the farm rendered its first slice")
    notes: list[str]


class PlanTotal(BaseModel):
    """What rendering many jobs will do and cost."""

    jobs: int
    mpit: float
    flops: float
    peak_bytes: int = Field(description="Of the largest job")
    seconds: float | None = Field(description="Estimate for the farm's workers together; null until the first slice")
    workers: int
    notes: list[NoteCount]


class BatchPlan(BaseModel):
    """Plans of many jobs."""

    total: PlanTotal
    jobs: list[PlanView] = Field(description="Of each job in order; empty with ?summary=true")


class LayerView(BaseModel):
    """A layer that can be dreamt on."""

    name: str
    kind: str
    channels: int
    stride: int
    receptive_field: int
    macs_per_pixel: float
    channel_names: list[str] | None


class PortraitView(BaseModel):
    """What a layer, or one of its channels, dreams of out of noise."""

    layer: str
    channel: int | None = Field(description="None: the whole layer")
    name: str = Field(description="The channel's name, where it has one")
    links: dict[str, str] = Field(description="`picture`: a small JPEG")


class ModelView(BaseModel):
    """A network."""

    name: str
    summary: str
    licence: str
    digest: str
    parameters: int
    min_size: int
    objective: str = Field(description="The layer of whole-layer dreams")
    logits: str | None = Field(description="The layer whose channels are the classes, if there are classes")
    layers: int
    portraits: int = Field(description="How many of its layers and channels can be looked at")
    links: dict[str, str]


class PresetView(BaseModel):
    """A named recipe; `fields` are laid under a job's own, and over them what `models` says of the job's model."""

    name: str
    kind: Literal["dream", "style"]
    summary: str
    fields: dict[str, Any]
    models: dict[str, dict[str, Any]]


class WorkerView(BaseModel):
    """A worker, as it last told of itself."""

    name: str
    host: str
    pid: int
    device: str
    live: bool
    started_at: datetime
    seen_at: datetime
    job: str | None = Field(description="What it renders, where the caller may know")
    flops_per_second: float | None


class WhoAmI(BaseModel):
    """Whom the request speaks for."""

    owner: str
    role: Role


class Sent(BaseModel):
    """Base of the small bodies that FastAPI reads: closed to unknown fields, told with the nearest known name."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _name_the_nearest(cls, data: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(data)
        except ValidationError as error:
            raise ValidationError.from_exception_data(error.title, [cls._told(e) for e in error.errors()]) from None

    @classmethod
    def _told(cls, error: ErrorDetails) -> InitErrorDetails:
        kind: str | PydanticCustomError = error["type"]
        if kind == "extra_forbidden":
            message = unknown_field(str(error["loc"][-1]), cls.model_fields)
            kind = PydanticCustomError("extra_forbidden", "{message}", {"message": message})
        return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"], ctx=error.get("ctx", {}))


class NewKey(Sent):
    """A key to make."""

    owner: str = Field(min_length=1, max_length=80, pattern=r"^[\w.@-]+$", examples=["ada"])
    role: Role = "submitter"
    label: str = Field(default="", max_length=200)

    @field_validator("label")
    @classmethod
    def _check_label(cls, label: str) -> str:
        if "\0" in label:
            raise ValueError("it contains the character NUL, which databases do not store; leave it out")
        return label


class KeyView(BaseModel):
    """An API key; the key itself is shown once, when it is made."""

    id: str
    owner: str
    role: Role
    label: str
    created_at: datetime
    revoked_at: datetime | None


class MadeKey(KeyView):
    """A key that was just made."""

    key: str


class PriorityChange(Sent):
    """A new priority, 0 (most urgent) to 9."""

    priority: int = Field(ge=0, le=9)


class Readiness(BaseModel):
    """Whether the API can serve: `degraded` means that it does, and that jobs wait (Redis is away) or it is out of date."""

    status: Literal["ready", "degraded", "unavailable"]
    checks: dict[str, str]
