"""The commands that steer: cancel, pause, resume, retry, priority."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli import words
from api.cli.command import Json, Misused, add, err, print_json, time_option
from api.cli.ids import Ids, found, is_batch

if TYPE_CHECKING:
    from api.client import Farm
    from api.schemas import SteeredBatch, SteeredJob

_PANEL = "Steer"


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (cancel, pause, resume, retry, priority):
        add(app, command, panel=_PANEL)


def cancel(farm: Farm, ids: Ids, as_json: Json = False) -> None:
    """Cancel jobs, or all unfinished jobs of batches. Their checkpoints stay: they can be retried from there.

    Example: dreamfarm cancel j4k2
    """
    done = _steer(farm, ids, "cancel", as_json)
    times = [answer.at for answer in done if answer.changed and answer.at is not None]
    if times and not as_json:
        undo = f"dreamfarm retry {' '.join(ids)} --since {min(times).isoformat()}"
        err.print(f"undo: {undo}", style="dim", soft_wrap=True)


def pause(farm: Farm, ids: Ids, as_json: Json = False) -> None:
    """Pause jobs, or all waiting and running jobs of batches; they keep what they have done.

    Example: dreamfarm pause b71
    """
    _steer(farm, ids, "pause", as_json)


def resume(farm: Farm, ids: Ids, as_json: Json = False) -> None:
    """Go on with paused or failed jobs, or with those of batches, where they stopped.

    Example: dreamfarm resume b71 j4k2
    """
    _steer(farm, ids, "resume", as_json)


def retry(
    farm: Farm,
    ids: Ids,
    failed: Annotated[bool, typer.Option("--failed", help="Of a batch: only failed jobs, not cancelled ones")] = False,
    since: Annotated[
        datetime | None,
        time_option("Undo a cancellation: only jobs that were cancelled or failed then or later, paused ones as such"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Try failed or cancelled jobs again, from their last checkpoint.

    Example: dreamfarm retry b71 --failed
    """
    for id in ids if failed else ():
        if not is_batch(id) and farm.job(id).state != "failed":
            raise Misused(f"job {id} has not failed; without --failed, retry takes cancelled jobs too")
    _steer(farm, ids, "retry", as_json, failed_only=failed, since=since)


def priority(
    farm: Farm,
    ids: Ids,
    number: Annotated[int, typer.Argument(min=0, max=9, metavar="0-9", help="0 is the most urgent")],
    as_json: Json = False,
) -> None:
    """Change the priority of jobs, or of batches' unfinished jobs.

    Example: dreamfarm priority b71 2
    """

    def change(id: str) -> SteeredJob | SteeredBatch:
        return farm.set_batch_priority(id, number) if is_batch(id) else farm.set_job_priority(id, number)

    _each(farm, ids, change, f"priority {number}", as_json)


def _steer(
    farm: Farm,
    ids: Sequence[str],
    action: Literal["cancel", "pause", "resume", "retry"],
    as_json: bool,
    *,
    failed_only: bool = False,
    since: datetime | None = None,
) -> list[SteeredJob | SteeredBatch]:
    def steer(id: str) -> SteeredJob | SteeredBatch:
        if is_batch(id):
            return farm.steer_batch(id, action, failed_only=failed_only, since=since)
        return farm.steer_job(id, action, since=since)

    return _each(farm, ids, steer, action, as_json)


def _each(
    farm: Farm, ids: Sequence[str], steer: Callable[[str], SteeredJob | SteeredBatch], action: str, as_json: bool
) -> list[SteeredJob | SteeredBatch]:
    """Steer one after the other, and tell what was done, also when the next of several is refused. As JSON, one is told
    by itself and several as a list.
    """
    if len(ids) > 1:
        found(farm, ids)
    done: list[SteeredJob | SteeredBatch] = []
    try:
        for id in ids:
            done.append(steer(id))
            if not as_json:
                _tell(done[-1], action)
    finally:
        if as_json and len(ids) > 1:
            print_json(done)
    if as_json and len(ids) == 1:
        print_json(done[0])
    return done


def _tell(done: SteeredJob | SteeredBatch, action: str) -> None:
    if hasattr(done, "job"):
        now = words.state(done.job.state)
        err.print(now.append(f"  {done.job.id}  {done.job.name}", style="default not bold not dim"), soft_wrap=True)
        if not done.changed:
            err.print(f"{action}: nothing to change", style="dim")
    else:
        states = ", ".join(f"{n:,} {state}" for state, n in done.batch.states.items() if n)
        changed = words.count(done.changed, "job")
        err.print(f"{action}: changed {changed} of batch {done.batch.id} ({states})", soft_wrap=True)
