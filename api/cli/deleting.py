"""The commands that delete: delete, and restore, which takes it back."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import words
from api.cli.command import Failed, Json, add, err, print_json, time_option
from api.cli.ids import Ids, found, is_batch

if TYPE_CHECKING:
    from api.client import Farm
    from api.schemas import BatchView, JobView, SteeredBatch, SteeredJob

_PANEL = "Steer"


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (delete, restore):
        add(app, command, panel=_PANEL)


def delete(
    farm: Farm,
    ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
    as_json: Json = False,
) -> None:
    """Delete finished jobs, or batches whose jobs are all finished, with their frames and outputs.

    They go into the trash, from where `dreamfarm restore` brings them back until the farm removes them for good (after a
    week, unless it is set up otherwise). Pictures that they begin with stay until then.

    Example: dreamfarm delete b71 j4k2
    """
    things = found(farm, ids)
    if not yes and sys.stdin.isatty():
        _ask(things)
    with _telling("deleted", as_json) as done:
        for thing in things:
            done.append(farm.delete_batch(thing.id) if is_batch(thing.id) else farm.delete_job(thing.id))
    changed = [thing.id for thing, answer in zip(things, done, strict=True) if answer.changed]
    if changed and not as_json:
        # Of a batch, those stay in the trash that were there before.
        times = [answer.at for answer in done if answer.changed and answer.at is not None]
        since = f" --since {min(times).isoformat()}" if times else ""
        err.print(f"undo: dreamfarm restore {' '.join(changed)}{since}", style="dim", soft_wrap=True)


def restore(
    farm: Farm,
    ids: Ids,
    since: Annotated[datetime | None, time_option("Of batches: only jobs deleted at this time or later")] = None,
    as_json: Json = False,
) -> None:
    """Bring deleted jobs, or all deleted jobs of batches, back from the trash (see `dreamfarm ls --deleted`).

    Example: dreamfarm restore b71
    """
    things = found(farm, ids)
    with _telling("restored", as_json) as done:
        for thing in things:
            done.append(farm.restore_batch(thing.id, since=since) if is_batch(thing.id) else farm.restore_job(thing.id))


def _ask(things: Sequence[JobView | BatchView]) -> None:
    for thing in things:
        err.print(f"  {_name(thing)}", markup=False, soft_wrap=True)
    if not typer.confirm(f"Delete {'it' if len(things) == 1 else 'them'}?", err=True):
        raise Failed("nothing was deleted")


def _name(thing: JobView | BatchView) -> str:
    if hasattr(thing, "jobs"):
        return f"batch {thing.id}  {thing.name}  ({words.count(thing.jobs, 'job')})"
    return f"job {thing.id}  {thing.name}"


@contextlib.contextmanager
def _telling(what: str, as_json: bool) -> Iterator[list[SteeredJob | SteeredBatch]]:
    """Tell what was done, also when the next of several is refused."""
    done: list[SteeredJob | SteeredBatch] = []
    try:
        yield done
    finally:
        if as_json:
            print_json(done)
        for answer in [] if as_json else done:
            name = _name(answer.job if hasattr(answer, "job") else answer.batch)
            err.print(f"{what if answer.changed else 'nothing to change'}: {name}", markup=False, soft_wrap=True)
