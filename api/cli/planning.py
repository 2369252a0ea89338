"""What jobs would do and cost: the command `plan`, and the dry run of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import words
from api.cli.command import Json, Misused, add, err, group, out, print_json
from api.cli.options import JobOptions
from api.cli.submitting import checked, one_each
from api.remote.errors import NoFarm
from shared.manifest_files import Job
from shared.manifests import NOT_UPLOADED, Entry, check, pictures, with_assets
from shared.specs import DreamSpec, StyleSpec

if TYPE_CHECKING:
    from api.client import Farm
    from api.schemas import BatchPlan, PlanView
    from shared.plan import Plan

#: Jobs of a dry run that are listed one by one.
_LISTED = 20


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    plan = group(
        "Sizes, tiles, work, time and memory of a job that is not submitted.",
        "dreamfarm plan dream castle.jpg --size 8192",
        "dreamfarm plan style castle.jpg --size 4096",
    )
    add(plan, plan_dream, name="dream", job=JobOptions(DreamSpec))
    add(plan, plan_style, name="style", job=JobOptions(StyleSpec))
    app.add_typer(plan, name="plan", rich_help_panel="Networks and plans")


def plan_dream(
    farm: Farm,
    fields: Job,
    picture: Annotated[str | None, typer.Argument(metavar="PICTURE", help="Without: from noise")] = None,
    as_json: Json = False,
) -> None:
    """Plan a dream.

    Example: dreamfarm plan dream castle.jpg --size 8192 --octaves 6
    """
    (entry,) = one_each(fields, "input", [] if picture is None else [picture]) or [Entry("", fields)]
    print_plan(farm, entry, as_json=as_json)


def plan_style(
    farm: Farm,
    fields: Job,
    content: Annotated[str, typer.Argument(metavar="CONTENT", help="The picture to be restyled")],
    as_json: Json = False,
) -> None:
    """Plan a style transfer. The style pictures do not matter to its plan.

    Example: dreamfarm plan style castle.jpg --size 4096
    """
    styles = fields.get("styles") or [{"asset": NOT_UPLOADED}]
    print_plan(farm, Entry("", fields | {"content": content, "styles": styles}), as_json=as_json)


def print_plan(farm: Farm, entry: Entry, *, as_json: bool) -> None:
    """Print the plan of one job."""
    checked([entry])
    try:
        plan = farm.plan([_sized(entry)]).jobs[0]
    except NoFarm as error:
        plan = _viewed(plan_here(entry))
        _say_without(error)
    if as_json:
        print_json(plan)
        return
    words.table(
        ["octave", "size", "iterations", "tiles", "tile", "work"],
        [
            (str(i), f"{o.width}×{o.height}", str(o.iterations), str(o.tiles), str(o.tile), words.work(o.mpit))
            for i, o in enumerate(plan.octaves, 1)
        ],
        right=("octave", "size", "iterations", "tiles", "tile", "work"),
    )
    _print_facts(
        ("output", f"{plan.width}×{plan.height}"),
        ("work", f"{words.work(plan.mpit)} in {words.count(plan.steps, 'iteration')}, {plan.flops / 1e12:.3g} TFLOP"),
        ("time", _time(plan.seconds)),
        ("memory", f"{words.size(plan.peak_bytes)} at the peak"),
        *(("note", note) for note in plan.notes),
    )


def print_total(farm: Farm, entries: Sequence[Entry], *, as_json: bool) -> None:
    """Print what a batch would do and cost."""
    summary = len(entries) > _LISTED
    try:
        plan = farm.plan([_sized(entry) for entry in entries], summary=summary)
    except NoFarm as error:
        plan = _all_planned_here(entries, summary=summary)
        _say_without(error)
    if as_json:
        print_json(plan)
        return
    if plan.jobs:
        words.table(
            ["job", "output", "octaves", "work", "memory", "time"],
            [_row(entry, job) for entry, job in zip(entries, plan.jobs, strict=True)],
            right=("output", "octaves", "work", "memory", "time"),
            flexible="job",
        )
    total = plan.total
    workers = f" on {words.count(total.workers, 'worker')}" if total.workers else ""
    _print_facts(
        ("jobs", f"{total.jobs:,}"),
        ("work", f"{words.work(total.mpit)}, {total.flops / 1e12:.3g} TFLOP"),
        ("time", _time(total.seconds) + (workers if total.seconds is not None else "")),
        ("memory", f"{words.size(total.peak_bytes)} at the peak of the largest"),
        *(("note", f"{note.note} ({words.count(note.jobs, 'job')})") for note in total.notes),
    )
    err.print("a dry run: nothing was uploaded or submitted", style="dim")


def _say_without(error: NoFarm) -> None:
    said = f"planned without a farm, so without an estimate of time: {error.message}"
    err.print(said, style="dim", markup=False, soft_wrap=True)


def _row(entry: Entry, job: PlanView) -> tuple[str, ...]:
    name = str(entry.job.get("name") or entry.where)
    size = f"{job.width}×{job.height}"
    return (
        name,
        size,
        str(len(job.octaves)),
        words.work(job.mpit),
        words.size(job.peak_bytes),
        words.duration(job.seconds),
    )


def _time(seconds: float | None) -> str:
    return (
        "not known before the farm has rendered its first slice"
        if seconds is None
        else f"about {words.duration(seconds)}"
    )


def _print_facts(*facts: tuple[str, str]) -> None:
    for name, value in facts:
        out.print(f"[dim]{name:<7}[/] ", end="")
        out.print(value, markup=False, soft_wrap=True)


def _sized(entry: Entry) -> Job:
    """The job as the planner takes it: with its picture's size instead of the picture."""
    job = with_assets(entry.job, lambda _: NOT_UPLOADED)
    picture = entry.job.get("input", entry.job.get("content"))
    if picture not in pictures([entry]):
        return job  # from noise, or a picture that the farm has
    width, height = measure(str(picture))
    return job | {"width": width, "height": height}


def plan_here(entry: Entry) -> Plan:
    """The plan of a job, made in this process. Raises SpecError, ManifestError, Misused."""
    from shared.bounds import Bounds
    from shared.cards import UnknownModel, card
    from shared.plan import plan
    from shared.problems import Problem, SpecError
    from shared.settings import settings

    job = _sized(entry)
    width, height = job.pop("width", None), job.pop("height", None)
    (spec,) = check([Entry("", job)])
    try:
        described, bounds = card(spec.model), Bounds(pixels=settings().max_output_pixels)
        return plan(spec, card=described, width=width, height=height, bounds=bounds)
    except UnknownModel as error:
        raise SpecError([Problem("model", str(error.args[0]))]) from None


def _all_planned_here(entries: Sequence[Entry], *, summary: bool) -> BatchPlan:
    from api.schemas import BatchPlan, PlanTotal
    from api.views import note_counts

    plans = [plan_here(entry) for entry in entries]
    total = PlanTotal(
        jobs=len(plans),
        mpit=sum(plan.mpit for plan in plans),
        flops=sum(plan.flops for plan in plans),
        peak_bytes=max(plan.peak_bytes for plan in plans),
        seconds=None,
        workers=0,
        notes=note_counts(plans),
    )
    return BatchPlan(total=total, jobs=[] if summary else [_viewed(plan) for plan in plans])


def _viewed(plan: Plan) -> PlanView:
    from api.views import plan_view  # brings the store with it, which nobody waits for where a farm answers
    from shared.store.queries import Speed

    return plan_view(plan, Speed(None, 0))


@cache
def measure(path: str) -> tuple[int, int]:
    """Width and height of a picture file, turned upright, from its header alone. Raises Misused, OSError."""
    from shared.picture_reading import NO_LIMITS, open_picture, upright_size
    from shared.pictures import PictureError

    try:
        with open_picture(Path(path).read_bytes(), NO_LIMITS) as image:
            return upright_size(image)
    except PictureError as error:
        raise Misused(f"{path}: {error}") from None
