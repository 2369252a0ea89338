"""The commands that run a farm or its parts. Everything heavy is imported inside them, so that `--help` is quick."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import words
from api.cli.command import Json, add, group, print_json
from deploy import keys
from deploy.data_folder import Data

if TYPE_CHECKING:
    from deploy.status import Status
    from shared.settings import Settings

_FARM = "The farm on this machine"
_PARTS = "Single parts, for a cluster"


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    panels: dict[str, tuple[Callable[..., None], ...]] = {
        _FARM: (up, down, status, doctor),
        _PARTS: (worker, api, sweeper, flower),
    }
    for panel, members in panels.items():
        for command in members:
            add(app, command, panel=panel)
    database = group("The database's schema.", "dreamfarm db upgrade")
    add(database, upgrade)
    app.add_typer(database, name="db", rich_help_panel=_PARTS)
    keys.add_commands(app, _PARTS)


def up(
    data: Data = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The API's port; 0 takes a free one.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, max=256, help="How many; 0: one per GPU, or one for the CPU.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Run in the background; returns when healthy.")] = False,
    in_background: Annotated[bool, typer.Option("--in-background", hidden=True)] = False,
) -> None:
    """Run the whole farm on this machine, until Ctrl-C.

    Starts Redis, the API with the gallery, workers, the sweeper and Flower, and restarts what dies.

    Example: dreamfarm up --port 9000 --detach
    """
    from deploy import up as farm

    settings = _settings(data=data, port=port, workers=workers)
    if detach:
        farm.detach(settings)
    elif in_background:
        farm.in_background(settings)
    else:
        farm.in_foreground(settings)


def down(data: Data = None) -> None:
    """End the farm; its data stays. Workers save what they are rendering.

    Example: dreamfarm down
    """
    from deploy.down import down as end

    typer.echo(end(_settings(data=data).data))


def status(data: Data = None, as_json: Json = False) -> None:
    """Show the services, addresses, jobs and workers of the farm on this machine. Exit code 1 where none runs.

    Of a farm elsewhere, `dreamfarm workers` and `dreamfarm ls` tell.

    Example: dreamfarm status --json
    """
    from deploy.status import status as look

    found = look(_settings(data=data))
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        typer.echo(_told(found))
        if elsewhere := os.environ.get("DREAMFARM_URL"):
            typer.echo(
                f"  ! this is this machine's; of {elsewhere} tell `dreamfarm workers` and `dreamfarm ls`", err=True
            )
    if found.state != "running":
        raise typer.Exit(1)


def doctor(data: Data = None, as_json: Json = False) -> None:
    """Check Python, TensorFlow, devices, Redis, SQL, storage, disk and ports, and say what to do.

    Example: dreamfarm doctor
    """
    from deploy.doctor import examine

    checks = examine(_settings(data=data))
    if as_json:
        print_json([dataclasses.asdict(check) for check in checks])
    else:
        for check in checks:
            typer.echo(check.told())
    if any(check.result == "fails" for check in checks):
        raise typer.Exit(1)


def worker(
    name: Annotated[str | None, typer.Option(help="Unique in the farm [default: by device, process and host].")] = None,
    device: Annotated[str, typer.Option(help="`cpu`, `gpu:N`, or `gpu:N,M` for two on one picture.")] = "cpu",
) -> None:
    """Run one worker. SIGTERM lets it save the job that it is rendering.

    Example: dreamfarm worker --device gpu:0
    """
    from deploy.parts import run_worker

    raise typer.Exit(run_worker(_part_settings(), name=name, device=device))


def api() -> None:
    """Run the API and the gallery.

    Example: DREAMFARM_HOST=0.0.0.0 dreamfarm api
    """
    from deploy.parts import run_api

    raise typer.Exit(run_api(_part_settings()))


def sweeper() -> None:
    """Run the sweeper, which finds lost workers and lost messages.

    Example: dreamfarm sweeper
    """
    from deploy.parts import run_sweeper

    raise typer.Exit(run_sweeper(_part_settings()))


def flower() -> None:
    """Run Flower on the farm's queue.

    Example: DREAMFARM_FLOWER_PASSWORD=… dreamfarm flower
    """
    from deploy.flower import run

    raise typer.Exit(run(_part_settings()))


def upgrade() -> None:
    """Bring the database to the current schema.

    Example: dreamfarm db upgrade
    """
    from shared.store import Store
    from shared.store.schema import newest
    from shared.store.schema import upgrade as run

    settings = _part_settings()
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(settings.database)
    try:
        run(store)
    finally:
        store.dispose()
    typer.echo(f"the database is at revision {newest()}")


def _settings(**given: Any) -> Settings:
    """The settings of the environment, with what was given on the command line instead."""
    from shared.settings import Settings

    return Settings(**{name: value for name, value in given.items() if value is not None})


def _part_settings() -> Settings:
    from deploy.parts import set_up_logs

    settings = _settings()
    set_up_logs(settings)
    return settings


def _told(status: Status) -> str:
    lines = [f"The farm in {status.data} is {status.state}."]
    if status.state != "stopped":
        lines += [
            f"  gallery  {status.gallery}",
            f"  flower   {status.flower}   (user {status.flower_user}, password {status.flower_password})",
        ]
    for name, service in status.services.items():
        restarts = f", restarted {service.restarts}×" if service.restarts else ""
        lines.append(f"  {name:<10} {service.state} (process {service.pid}{restarts})")
    if status.jobs:
        counted = ", ".join(f"{n:,} {state}" for state, n in status.jobs.items() if n)
        left = f" ({words.work(status.mpit_left)} left)" if status.mpit_left else ""
        lines.append(f"  jobs       {counted or 'none yet'}{left}")
    lines += [f"  {w.name} on {w.device}: {w.job or 'idle'}" for w in status.workers]
    lines += [f"  ! {problem}" for problem in status.problems]
    return "\n".join(lines)
