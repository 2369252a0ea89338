"""Watching jobs on a farm: progress, a line for each that ends, its results as soon as they are there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from api.cli import words
from api.cli.command import err
from api.cli.progress import Display, Snapshot, display
from api.remote.errors import FarmError, NoFarm
from shared.states import TERMINAL

if TYPE_CHECKING:
    from api.client import Farm
    from api.schemas import JobView


def follow(farm: Farm, ids: tuple[str, ...], *, folder: Path | None = None, overwrite: bool = False) -> None:
    """Show jobs and batches until all have ended; with a folder, fetch each output when it is finished.

    Ends with exit code 1 when a job failed or was cancelled. Ctrl-C ends the watching only.
    """
    ended: dict[str, JobView] = {}
    not_fetched = 0
    try:
        with display() as shown:
            for job in farm.watch(*ids):
                shown.update(Snapshot.of(job))
                if job.state not in TERMINAL:
                    ended.pop(job.id, None)
                elif job.id not in ended:
                    ended[job.id] = job
                    not_fetched += not _conclude(farm, job, shown, folder, overwrite)
    except KeyboardInterrupt:
        named = " ".join(ids)
        err.print(f"The jobs go on without you. To look again: dreamfarm watch {named}".rstrip(), soft_wrap=True)
        raise typer.Exit(130) from None
    states = Counter(job.state for job in ended.values())
    if len(ended) > 1:
        err.print(", ".join(f"{n:,} {state}" for state, n in states.items()), soft_wrap=True)
    if not ended:
        err.print("There is nothing to watch: no job is unfinished.")
    if states["failed"] or states["cancelled"] or not_fetched:
        raise typer.Exit(1)


def _conclude(farm: Farm, job: JobView, shown: Display, folder: Path | None, overwrite: bool) -> bool:
    """Say how a job ended, and fetch its files; False when they could not be fetched."""
    line = words.state(job.state).append(f"  {job.name}", style="default not bold not dim")
    if job.state != "succeeded":
        shown.say(line.append(f"  {job.reason}", style="not bold"))
        return True
    facts = f"  {job.width}×{job.height} · {words.duration(job.progress.seconds)}"
    line.append(facts, style="dim default not bold")
    if folder is None:
        shown.say(line.append(f"  dreamfarm fetch {job.id} --out .", style="dim default not bold"))
        return True
    try:
        files = farm.fetch(job.id, folder, overwrite=overwrite)
    except FarmError as error:
        if isinstance(error, NoFarm):
            raise
        # The others are fetched all the same.
        shown.say(line.append(f"  {error.message}", style="red not dim"))
        return False
    shown.say(line.append(f"  {files[0].path}", style="default not bold not dim"))
    return True
