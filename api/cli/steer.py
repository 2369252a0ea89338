"""The commands that steer: cancel, pause, resume, retry, priority."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli import words
from api.cli.command import Json, Misused, add, err, print_json, time_option
from api.cli.ids import Id, is_batch

if TYPE_CHECKING:
    from api.client import Farm
    from api.schemas import SteeredBatch, SteeredJob

_PANEL = "Steer"


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (cancel, pause, resume, retry, priority):
        add(app, command, panel=_PANEL)


def cancel(farm: Farm, id: Id, as_json: Json = False) -> None:
    """Cancel a job, or all unfinished jobs of a batch. Their checkpoints stay: they can be retried from there.

    Example: dreamfarm cancel j4k2
    """
    done = _steer(farm, id, "cancel", as_json)
    if done.changed and done.at is not None and not as_json:
        err.print(f"undo: dreamfarm retry {id} --since {done.at.isoformat()}", style="dim", soft_wrap=True)


def pause(farm: Farm, id: Id, as_json: Json = False) -> None:
    """Pause a job, or all waiting and running jobs of a batch; they keep what they have done.

    Example: dreamfarm pause b71
    """
    _steer(farm, id, "pause", as_json)


def resume(farm: Farm, id: Id, as_json: Json = False) -> None:
    """Go on with a paused or failed job, or with those of a batch, where it stopped.

    Example: dreamfarm resume b71
    """
    _steer(farm, id, "resume", as_json)


def retry(
    farm: Farm,
    id: Id,
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
    if failed and not is_batch(id) and farm.job(id).state != "failed":
        raise Misused(f"job {id} has not failed; without --failed, retry takes cancelled jobs too")
    _steer(farm, id, "retry", as_json, failed_only=failed, since=since)


def priority(
    farm: Farm,
    id: Id,
    number: Annotated[int, typer.Argument(min=0, max=9, metavar="0-9", help="0 is the most urgent")],
    as_json: Json = False,
) -> None:
    """Change the priority of a job, or of a batch's unfinished jobs.

    Example: dreamfarm priority b71 2
    """
    done = farm.set_batch_priority(id, number) if is_batch(id) else farm.set_job_priority(id, number)
    _told(done, f"priority {number}", as_json)


def _steer(
    farm: Farm,
    id: str,
    action: Literal["cancel", "pause", "resume", "retry"],
    as_json: bool,
    *,
    failed_only: bool = False,
    since: datetime | None = None,
) -> SteeredJob | SteeredBatch:
    done: SteeredJob | SteeredBatch
    if is_batch(id):
        done = farm.steer_batch(id, action, failed_only=failed_only, since=since)
    else:
        done = farm.steer_job(id, action, since=since)
    _told(done, action, as_json)
    return done


def _told(done: SteeredJob | SteeredBatch, action: str, as_json: bool) -> None:
    if as_json:
        print_json(done)
    elif hasattr(done, "job"):
        now = words.state(done.job.state)
        err.print(now.append(f"  {done.job.id}  {done.job.name}", style="default not bold not dim"), soft_wrap=True)
        if not done.changed:
            err.print(f"{action}: nothing to change", style="dim")
    else:
        states = ", ".join(f"{n:,} {state}" for state, n in done.batch.states.items() if n)
        changed = words.count(done.changed, "job")
        err.print(f"{action}: changed {changed} of batch {done.batch.id} ({states})", soft_wrap=True)
