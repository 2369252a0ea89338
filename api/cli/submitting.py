"""From a person's wishes to jobs on a farm: checked here, pictures uploaded, submitted, watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import track

from api.cli import words
from api.cli.command import Misused, err, out, print_json
from api.cli.watching import follow
from api.remote.errors import FarmError
from shared.manifest_files import Job, ManifestError, Mistake
from shared.manifests import Entry, check, name_of, pictures, with_assets
from shared.problems import Problem, SpecError
from shared.specs import no_aspect

if TYPE_CHECKING:
    from api.client import Farm
    from api.schemas import NoteCount

Watch = Annotated[bool, typer.Option("--watch", help="Stay, show progress", rich_help_panel="Then")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Stay, and fetch each result into this folder", rich_help_panel="Then"),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are other ones")]


@dataclass(frozen=True)
class Then:
    """What follows a submission."""

    watch: bool
    folder: Path | None
    json: bool
    overwrite: bool = False


def one_each(fields: Job, key: str, chosen: Sequence[str]) -> list[Entry]:
    """A job for each picture, named after it. Raises SpecError for an option that only dreams out of noise have."""
    if chosen and "aspect" in fields.get("size", {}):
        raise SpecError([no_aspect(key)])
    name = fields.get("name")
    return [
        Entry(picture if len(chosen) > 1 else "", {**fields, key: picture, "name": name or name_of(picture)})
        for picture in chosen
    ]


def checked(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries, if all that can be checked here is right. Raises ManifestError, Misused."""
    check(entries)
    for picture in pictures(entries):
        if not Path(picture).is_file():
            raise Misused(f"there is no picture {picture}" + (" (it is a folder)" if Path(picture).is_dir() else ""))
    return entries


def submit(farm: Farm, entries: Sequence[Entry], then: Then, *, name: str | None = None, single: bool = False) -> None:
    """Check, upload and submit the entries, as a batch or as a single job, and do what follows."""
    jobs = uploaded(farm, checked(entries))
    if then.folder is not None:
        # Before anything is rendered that could not be laid there.
        then.folder.mkdir(parents=True, exist_ok=True)
    try:
        if single:
            job = farm.submit(jobs[0])
            id, told = job.id, f"{job.name} · {job.width}×{job.height} · {words.work(job.progress.mpit_total)}"
            notes, view = job.notes, job.model_dump(mode="json")
        else:
            batch = farm.submit_batch(jobs, name=name)
            id, told = batch.id, f"{words.count(batch.jobs, 'job')} · {words.work(batch.progress.mpit_total)}"
            notes, view = [noted(note) for note in batch.notes], batch.model_dump(mode="json")
    except FarmError as error:
        raise _placed(error, entries) from None
    if then.json:
        print_json(view)
    else:
        out.print(id, soft_wrap=True)
    err.print(f"submitted {told}", style="dim", markup=False, soft_wrap=True)
    for note in notes:
        err.print(f"note: {note}", style="yellow", markup=False, soft_wrap=True)
    if then.watch or then.folder is not None:
        follow(farm, (id,), folder=then.folder, overwrite=then.overwrite)
    elif not then.json:
        err.print(f"to see it through: dreamfarm watch {id}", style="dim", soft_wrap=True)


def uploaded(farm: Farm, entries: Sequence[Entry]) -> list[Job]:
    """The entries' jobs, after their pictures were brought to the farm."""
    chosen = pictures(entries)
    done = track(
        farm.upload_all(chosen), "uploading", len(chosen), console=err, transient=True, disable=len(chosen) < 2
    )  # fmt: skip
    assets = {path: asset.id for path, asset in done}
    return [with_assets(entry.job, assets.__getitem__) for entry in entries]


def noted(note: NoteCount) -> str:
    """A planner's note of several jobs."""
    return note.note if note.jobs == 1 else f"{note.note} ({words.count(note.jobs, 'job')})"


def _placed(error: FarmError, entries: Sequence[Entry]) -> Exception:
    """The farm's refusal with places that people know: a job's line in their file, not its place in the request."""
    placed = [_place(problem, entries) for problem in error.problems]
    return ManifestError(*placed) if placed and error.status == 422 else error


def _place(problem: Problem, entries: Sequence[Entry]) -> Mistake:
    head, _, rest = problem.field.partition(".")
    index, _, field = rest.partition(".")
    if head == "jobs" and index.isdecimal() and int(index) < len(entries):
        return Mistake(entries[int(index)].where, field, problem.message)
    return Mistake("", problem.field, problem.message)
