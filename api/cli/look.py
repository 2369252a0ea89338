"""The commands that look: ls, show, watch, fetch, log, workers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import track
from rich.text import Text

from api.cli import words
from api.cli.command import Failed, Json, Misused, add, err, out, print_json
from api.cli.ids import Id, is_batch
from api.cli.submitting import Overwrite
from api.cli.watching import follow
from shared.problems import nearest
from shared.states import STATES, State

if TYPE_CHECKING:
    from api.client import Farm
    from api.schemas import BatchView, JobDetail, JobView

_PANEL = "Look"
#: Only the trash's tables have it.
_TRASH_COLUMN = ("restorable until",)


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (ls, show, watch, fetch, log, workers):
        add(app, command, panel=_PANEL)


def ls(
    farm: Farm,
    states: Annotated[
        list[str] | None, typer.Option("--state", metavar="|".join(STATES), help="Only in this state; may be repeated")
    ] = None,
    batch: Annotated[str | None, typer.Option(metavar="ID", help="Only of this batch")] = None,
    batches: Annotated[bool, typer.Option("--batches", help="List batches instead of jobs")] = False,
    deleted: Annotated[bool, typer.Option("--deleted", help="List the trash: what can be restored")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="At most so many")] = 50,
    as_json: Json = False,
) -> None:
    """List jobs (or batches), newest first.

    Example: dreamfarm ls --state failed --batch b71
    """
    if batches:
        if states or batch:
            raise Misused("--batches lists whole batches; --state and --batch choose jobs")
        _list_batches(farm, deleted, limit, as_json)
        return
    jobs = farm.jobs(states=[_state(name) for name in states or []], batch=batch, deleted=deleted)
    shown = list(itertools.islice(jobs, limit + 1))
    if as_json:
        print_json(shown[:limit])
        return
    # All jobs of a deleted batch are in the trash.
    trashed = deleted or any(job.deleted_at for job in shown)
    words.table(
        ["id", "state", "done", "name", "size", "batch", "submitted", *_TRASH_COLUMN[:trashed]],
        [[*_job_row(job), *(_until(job) or [""])[:trashed]] for job in shown[:limit]],
        right=("done", "size"),
    )
    _more(len(shown), limit)


def _list_batches(farm: Farm, deleted: bool, limit: int, as_json: bool) -> None:
    shown = list(itertools.islice(farm.batches(deleted=deleted), limit + 1))
    if as_json:
        print_json(shown[:limit])
        return
    words.table(
        ["id", "jobs", "done", "name", "states", "left", "submitted", *_TRASH_COLUMN[:deleted]],
        [
            (
                batch.id,
                f"{batch.jobs:,}",
                f"{100 * batch.progress.share:.0f} %",
                batch.name,
                _states(batch),
                words.duration(batch.progress.seconds_left) if batch.open else "",
                words.ago(batch.created_at),
                *_until(batch),
            )
            for batch in shown[:limit]
        ],
        right=("jobs", "done"),
        flexible="states",
    )
    _more(len(shown), limit)


def show(farm: Farm, id: Id, as_json: Json = False) -> None:
    """Show all about a job or a batch.

    Example: dreamfarm show j4k2
    """
    if is_batch(id):
        batch = farm.batch(id)
        print_json(batch) if as_json else _show_batch(batch)
    else:
        job = farm.job(id)
        print_json(job) if as_json else _show_job(job)


def watch(
    farm: Farm,
    id: Annotated[str | None, typer.Argument(metavar="ID", help="Without: all unfinished jobs")] = None,
    folder: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Fetch each result into it")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Watch jobs until they end. Ctrl-C ends the watching; the jobs go on.

    Example: dreamfarm watch b71 --out dreams
    """
    if id is not None:
        is_batch(id)
    follow(farm, () if id is None else (id,), folder=folder, overwrite=overwrite)


def fetch(
    farm: Farm,
    id: Id,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go")],
    frames: Annotated[bool, typer.Option("--frames", help="The intermediate pictures, too")] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Fetch outputs, manifests and animations of a job, or of all finished jobs of a batch with a contact sheet.

    What is in the folder already is not fetched again, so a fetch that broke off goes on. Prints the files' paths.

    Example: dreamfarm fetch b71 --out dreams
    """
    from api.remote.fetching import fetch_contact_sheet

    if not is_batch(id):
        fetched = farm.fetch(id, folder, frames=frames, overwrite=overwrite)
    else:
        jobs = sorted(farm.jobs(batch=id), key=lambda job: job.position)
        ready = [job for job in jobs if job.state == "succeeded"]
        if not ready:
            raise Failed(f"no job of batch {id} has finished yet")
        counted = track(ready, "fetching", console=err, transient=True, disable=len(ready) < 2)
        fetched = [file for job in counted for file in farm.fetch(job.id, folder, frames=frames, overwrite=overwrite)]
        fetched.append(fetch_contact_sheet(farm, ready[0].batch, folder))
        if len(ready) < len(jobs):
            err.print(f"{len(ready):,} of {words.count(len(jobs), 'job')} have finished so far", style="yellow")
    if as_json:
        print_json([{"path": str(file.path), "what": file.what, "new": file.new} for file in fetched])
    else:
        for file in fetched:
            out.print(str(file.path), markup=False, soft_wrap=True)


def log(farm: Farm, id: Id, as_json: Json = False) -> None:
    """Tell what happened to a job, with times and reasons.

    Example: dreamfarm log j4k2
    """
    if is_batch(id):
        raise Misused("a log is a job's; list a batch's jobs with `dreamfarm ls --batch ID`")
    entries = farm.log(id)
    if as_json:
        print_json(entries)
        return
    for entry in entries:
        out.print(Text(words.clock(entry.at), style="dim").append(f"  {entry.text}", style="not dim"), soft_wrap=True)


def _state(name: str) -> State:
    for state in STATES:
        if state == name:
            return state
    raise Misused(f"there is no state {name!r}{nearest(name, STATES)}; there are: {', '.join(STATES)}")


def _job_row(job: JobView) -> Sequence[str | Text]:
    return [
        job.id,
        words.state(job.state),
        f"{100 * job.progress.share:.0f} %",
        job.name,
        f"{job.width}×{job.height}",
        job.batch,
        words.ago(job.created_at),
    ]


def _until(thing: JobView | BatchView) -> list[str]:
    """A deleted thing's cell in the trash's column."""
    return [words.clock(thing.restorable_until)] if thing.restorable_until else []


def _deleted(thing: JobView | BatchView) -> list[tuple[str, str]]:
    if thing.deleted_at is None or thing.restorable_until is None:
        return []
    until = f"; until {words.clock(thing.restorable_until)}, `dreamfarm restore {thing.id}` brings it back"
    return [("deleted", words.ago(thing.deleted_at) + until)]


def _more(found: int, limit: int) -> None:
    if found > limit:
        err.print(f"… and more; list them with --limit {limit * 10}", style="dim")
    elif not found:
        err.print("nothing", style="dim")


def _states(batch: BatchView) -> str:
    return ", ".join(f"{n:,} {state}" for state, n in batch.states.items() if n)


def _show_batch(batch: BatchView) -> None:
    out.print(Text(batch.name or "batch", style="bold").append(f"  {batch.id}", style="dim not bold"), soft_wrap=True)
    progress = batch.progress
    left = f", {words.duration(progress.seconds_left)} left" if batch.open else ""
    _facts(
        ("jobs", f"{batch.jobs:,}: {_states(batch)}"),
        ("done", f"{100 * progress.share:.0f} % of {words.work(progress.mpit_total)}{left}"),
        ("spent", words.duration(progress.seconds)),
        ("frames", f"{batch.frames:,}"),
        ("owner", batch.owner),
        ("submitted", f"{words.clock(batch.created_at)} ({words.ago(batch.created_at)})"),
        *_deleted(batch),
    )


def _show_job(job: JobDetail) -> None:
    p = job.progress
    out.print(words.state(job.state).append(f"  {job.name}", style="bold default not dim"), soft_wrap=True)
    place = f"octave {p.octave}/{p.octaves}, iteration {p.iteration}/{p.iterations}, " if p.octave else ""
    left = f", {words.duration(p.seconds_left)} left" if job.state == "running" and p.seconds_left is not None else ""
    _facts(
        ("job", job.id),
        ("batch", f"{job.batch}, number {job.position + 1}"),
        *([("reason", job.reason)] if job.reason else []),
        *([("failure", job.failure)] if job.failure else []),
        ("done", f"{100 * p.share:.0f} % ({place}{words.work(p.mpit)} of {words.work(p.mpit_total)}{left})"),
        ("spent", words.duration(p.seconds)),
        ("output", f"{job.width}×{job.height}" + (f", {words.size(job.output.bytes)}" if job.output else "")),
        ("frames", f"{job.frames:,}"),
        ("priority", str(job.priority)),
        ("owner", job.owner),
        ("submitted", f"{words.clock(job.created_at)} ({words.ago(job.created_at)})"),
        *_deleted(job),
        *([("worker", job.worker)] if job.worker else []),
        *(("note", note) for note in job.notes),
        ("spec", json.dumps(job.spec, ensure_ascii=False)),
    )
    if job.attempts:
        words.table(
            ["attempt", "worker", "started", "seconds", "steps", "outcome", "reason"],
            [
                (
                    str(attempt.number),
                    attempt.worker,
                    words.clock(attempt.started_at),
                    f"{attempt.seconds:.1f}",
                    f"{attempt.from_step}–{attempt.to_step}",
                    attempt.outcome,
                    attempt.reason,
                )
                for attempt in job.attempts
            ],
            right=("attempt", "seconds", "steps"),
            flexible="reason",
        )


def _facts(*facts: tuple[str, str]) -> None:
    for name, value in facts:
        out.print(Text(f"  {name:<10}", style="dim").append(value, style="default not dim"), soft_wrap=True)


def workers(farm: Farm, as_json: Json = False) -> None:
    """List the farm's workers, on whatever machine: what they compute on, what they render, and who fell silent.

    Example: dreamfarm workers
    """
    listed = farm.workers()
    if as_json:
        print_json(listed)
        return
    words.table(
        ["worker", "host", "device", "state", "job", "since"],
        [
            (
                worker.name,
                worker.host,
                worker.device,
                ("rendering" if worker.job else "idle") if worker.live else "silent",
                worker.job or "",
                words.ago(worker.started_at if worker.live else worker.seen_at),
            )
            for worker in listed
        ],
    )
    if not any(worker.live for worker in listed):
        err.print("No worker is there, so nothing is rendered: dreamfarm worker --device cpu (or gpu:0)")
