"""The single parts of a farm, each in a process of its own: API, worker, sweeper."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from api.cli.command import Misused
from deploy.devices import require_device, require_rendering
from shared.settings import Settings
from worker.devices import BadDevice


def set_up_logs(settings: Settings) -> None:
    """Log to the process's errors, a line each."""
    logging.basicConfig(
        stream=sys.stderr,
        level=settings.log_level,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
    )
    # Each request of each client would be a line, and each plug-in of the migrations.
    for chatty in ("httpx", "httpcore", "uvicorn.access", "alembic.runtime.plugins"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def run_api(settings: Settings) -> int:
    """Serve the API until it is stopped."""
    from api.server import serve

    return 0 if serve(settings) else 1


def run_worker(settings: Settings, *, name: str | None, device: str) -> int:
    """Run a worker until it is stopped. SIGTERM lets it save the job that it renders.

    Raises:
        Failed: this environment cannot render, or not on that device.
        Misused: there is no such device.
    """
    require_rendering()
    try:
        require_device(device)
    except BadDevice as error:
        raise Misused(f"--device: {error}") from None
    from worker.app import run_worker as run

    return run(settings, name=name or f"{device.replace(':', '-')}-{os.getpid()}", device=device)


def run_sweeper(settings: Settings) -> int:
    """Run the sweeper until it is stopped."""
    from worker.sweeper import run_sweeper as run

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    run(settings, stop)
    return 0
