"""From a request's body to planned jobs in SQL: all of them, or none and every mistake named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.auth import Caller
from api.errors import ApiError, Mistake, invalid
from api.services import Services
from shared.bounds import Bounds
from shared.cards import Card, UnknownModel, card
from shared.plan import Plan, plan
from shared.problems import Problem, SpecError, problems_of
from shared.specs import MAX_BATCH_JOBS, SPEC, AnySpec, BatchSpec, DreamSpec, StyleSpec, assets_of, source_of, unused_by
from shared.store import assets
from shared.store.assets import AssetSize
from shared.store.jobs.submission import NewJob, create_batch, remember, remembered

#: Mistakes that are listed; their number is told beyond it.
MAX_MISTAKES = 100


@dataclass(frozen=True)
class Entry:
    """One job as it was sent, and where: `path` is the field path before its own fields, `line` that of NDJSON.
    `place` orders the jobs of a submission.

    `size` stands for the size of pictures that are not uploaded; such jobs can be planned, not submitted.
    """

    data: Any
    place: int = 0
    path: str = ""
    line: int | None = None
    size: AssetSize | None = None


@dataclass(frozen=True)
class Submission:
    """What was sent to be submitted."""

    entries: Sequence[Entry]
    name: str
    mistakes: Mistakes


@dataclass(frozen=True)
class Planned:
    """A valid specification and its plan."""

    spec: DreamSpec | StyleSpec
    plan: Plan


class Mistakes:
    """Collects what is wrong; the first ones are listed, all are counted."""

    def __init__(self) -> None:
        self._listed: list[tuple[int, Mistake]] = []
        self._total = 0

    def __bool__(self) -> bool:
        return self._total > 0

    def add(self, entry: Entry, problem: Problem) -> None:
        """Note a mistake in a job."""
        self._total += 1
        if len(self._listed) < MAX_MISTAKES:
            field = ".".join(filter(None, [entry.path, problem.field]))
            self._listed.append((entry.place, Mistake(field=field, line=entry.line, message=problem.message)))

    def error(self) -> ApiError:
        """The answer that lists them, in the order of the jobs."""
        listed = [mistake for _, mistake in sorted(self._listed, key=lambda item: item[0])]
        more = f" (and {self._total - 1} more)" if self._total > 1 else ""
        return invalid(f"{listed[0]}{more}", listed, self._total)


def from_job(data: Any) -> Submission:
    """A single job."""
    return Submission([Entry(data)], "", Mistakes())


def from_batch(data: Any) -> Submission:
    """A batch as one JSON object. Raises ApiError when it is no batch at all."""
    jobs = data.get("jobs") if isinstance(data, Mapping) else None
    shell = dict(data) | {"jobs": _ONE_JOB} if isinstance(jobs, list | tuple) and jobs else data
    try:
        name = BatchSpec.model_validate(shell).name
    except ValidationError as error:
        mistakes = [Mistake(field=p.field, message=p.message) for p in problems_of(error, BatchSpec)]
        raise invalid(str(mistakes[0]), mistakes, len(mistakes)) from None
    assert isinstance(jobs, list)
    _check_count(len(jobs))
    return Submission([Entry(job, i, f"jobs.{i}") for i, job in enumerate(jobs)], _shown(name or ""), Mistakes())


#: Stands for pictures that a plan does without.
_NO_PICTURE = "sha256:" + "0" * 64
#: Stands for the jobs while a batch's other fields are checked.
_ONE_JOB = [{"kind": "dream"}]


def from_ndjson(body: bytes, name: str) -> Submission:
    """A batch with one job a line; empty lines are skipped, but counted."""
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), start=1) if line.strip()]
    if not lines:
        raise invalid("the body has no jobs; send one JSON object a line")
    _check_count(len(lines))
    mistakes, entries = Mistakes(), []
    for number, line in lines:
        try:
            entries.append(Entry(from_json(line, allow_inf_nan=True), number, line=number))
        except ValueError as error:
            mistakes.add(Entry(None, number, line=number), Problem("", f"this line is not JSON: {error}"))
    return Submission(entries, _shown(name), mistakes)


def sized(submission: Submission, largest: int) -> Submission:
    """The same, with `width` and `height` (up to `largest`) taken from each job: the size of pictures not uploaded."""
    entries = []
    for entry in submission.entries:
        data = entry.data
        if not isinstance(data, Mapping) or not {"width", "height"} & data.keys():
            entries.append(entry)
            continue
        width: Any = data.get("width")
        height: Any = data.get("height")
        if not (_is_side(width, largest) and _is_side(height, largest)):
            message = f"width and height are whole numbers of pixels from 1 to {largest:,}, both given or none"
            submission.mistakes.add(entry, Problem("width", message))
            continue
        rest = {key: value for key, value in data.items() if key not in ("width", "height")}
        is_style = rest.get("kind") == "style"
        stand_ins = {"content": _NO_PICTURE, "styles": [{"asset": _NO_PICTURE}]} if is_style else {"input": _NO_PICTURE}
        rest = stand_ins | rest
        entries.append(Entry(rest, entry.place, entry.path, entry.line, AssetSize(width, height)))
    return Submission(entries, submission.name, submission.mistakes)


def _is_side(value: Any, largest: int) -> bool:
    return isinstance(value, int) and 0 < value <= largest


def _check_count(jobs: int) -> None:
    if jobs > MAX_BATCH_JOBS:
        raise invalid(f"these are {jobs:,} jobs; one request takes at most {MAX_BATCH_JOBS:,}")


def planned(farm: Services, who: Caller, submission: Submission) -> list[Planned]:
    """Validate and plan everything. Raises ApiError 422 that lists the mistakes."""
    mistakes = submission.mistakes
    specs = list(_validated(submission))
    wanted = {asset for _, spec in specs for asset in assets_of(spec).values()}
    with farm.store.read() as session:
        sizes = assets.sizes(session, who.sees, wanted)
    done, bounds = [], Bounds(pixels=farm.settings.max_output_pixels)
    for entry, spec in specs:
        try:
            done.append(Planned(spec, _plan(spec, entry.size, sizes, bounds)))
        except SpecError as error:
            for problem in error.problems:
                mistakes.add(entry, problem)
    if mistakes:
        raise mistakes.error()
    return done


def _validated(submission: Submission) -> Iterator[tuple[Entry, DreamSpec | StyleSpec]]:
    for entry in submission.entries:
        try:
            spec = SPEC.validate_python(entry.data)
        except ValidationError as error:
            problems = problems_of(error, AnySpec)
        else:
            problems = unused_by(spec)
            yield entry, spec
        for problem in problems:
            submission.mistakes.add(entry, problem)


def _plan(spec: DreamSpec | StyleSpec, size: AssetSize | None, sizes: Mapping[str, AssetSize], bounds: Bounds) -> Plan:
    wanted = assets_of(spec)
    missing = [
        Problem(field, _missing(asset)) for field, asset in wanted.items() if asset not in sizes and size is None
    ]
    if missing:
        raise SpecError(missing)
    first = wanted.get(source_of(spec) or "")
    if size is None and first is not None:
        size = sizes[first]
    width, height = (None, None) if size is None else (size.width, size.height)
    return plan(spec, card=card_of(spec), width=width, height=height, bounds=bounds)


def card_of(spec: DreamSpec | StyleSpec) -> Card:
    """The card of the job's network. Raises SpecError."""
    try:
        return card(spec.model)
    except UnknownModel as error:
        raise SpecError([Problem("model", str(error.args[0]))]) from None


@dataclass(frozen=True)
class Stored:
    """A submission's batch, and whether the same request had stored it before."""

    batch_id: str
    replayed: bool


def request_digest(path: str, body: bytes, name: str = "") -> str:
    """What tells one request from another under the same idempotency key."""
    digest = hashlib.sha256(f"{path}\n{name}\n".encode())
    digest.update(body)
    return digest.hexdigest()


def replayed(farm: Services, who: Caller, key: str | None, digest: str) -> Stored | None:
    """What the same request stored before. Raises DifferentRequest."""
    if key is None:
        return None
    with farm.store.read() as session:
        batch_id = remembered(session, who.owner, key, digest)
    return None if batch_id is None else Stored(batch_id, replayed=True)


def store(farm: Services, who: Caller, name: str, jobs: Sequence[Planned], *, key: str | None, digest: str) -> Stored:
    """Store a batch in one transaction, and have it announced."""
    new = [NewJob(spec=job.spec, name=_shown(job.spec.name or "") or job.spec.preset, plan=job.plan) for job in jobs]
    # A job that was submitted alone lends its batch its name.
    name = new[0].name if len(new) == 1 and not name else name
    try:
        with farm.store.write() as session:
            before = remembered(session, who.owner, key, digest)
            if before is not None:
                return Stored(before, replayed=True)
            _keep_pictures(session, jobs)
            batch = create_batch(session, who.owner, name, new)
            remember(session, who.owner, key, digest, batch.id)
    except IntegrityError:
        # The same request at the same moment was faster.
        if again := replayed(farm, who, key, digest):
            return again
        raise
    farm.metrics.submitted.inc(len(new))
    farm.doorbell.announce()
    return Stored(batch.id, replayed=False)


def _keep_pictures(session: Session, jobs: Sequence[Planned]) -> None:
    """Keep the pictures that the jobs begin with. Raises ApiError if one was removed since the jobs were planned."""
    gone = assets.keep(session, (asset for job in jobs for asset in assets_of(job.spec).values()))
    if gone:
        mistakes = [Mistake(field="", message=_missing(asset)) for asset in sorted(gone)]
        raise invalid(mistakes[0].message, mistakes[:MAX_MISTAKES], len(mistakes))


def _missing(asset: str) -> str:
    return f"there is no asset {asset}; upload the picture first (POST /v1/assets)"


def _shown(name: str) -> str:
    """A name without characters that disturb a line of text or a database."""
    plain = name if name.isprintable() else "".join(c if c.isprintable() else " " for c in name)
    return plain.strip()[:200]
