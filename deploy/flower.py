"""Flower, on the farm's Celery app."""

from __future__ import annotations

import os
from importlib.util import find_spec

from api.cli.command import Failed, Misused
from shared.settings import Settings

USER = "farm"
#: Tasks that Flower remembers, which are slices, and how often it writes them all down. Meanwhile it answers nobody: 10,000
#: take half a second, its usual 100,000 six. What a crash costs is only display.
_TASKS, _SAVE_MILLISECONDS = 10_000, 60_000


def require_flower() -> None:
    """Check that Flower is installed.

    Raises:
        Failed: it is not.
    """
    if find_spec("flower") is None:
        raise Failed("Flower is not installed: pip install 'dreamfarm[flower]'")


def run(settings: Settings) -> int:
    """Run Flower until it is stopped; its exit code.

    Raises:
        Failed: Flower is not installed.
        Misused: no password is set.
    """
    require_flower()
    if settings.flower_password is None:
        raise Misused("Flower can cancel everybody's work, so it wants a password: set DREAMFARM_FLOWER_PASSWORD")
    from shared.queue import celery_app

    (settings.data / "flower").mkdir(mode=0o700, parents=True, exist_ok=True)
    # By the environment and not as an argument, which everybody on the machine could read.
    os.environ["FLOWER_BASIC_AUTH"] = f"{USER}:{settings.flower_password.get_secret_value()}"
    options = [
        f"--address={settings.flower_host}",
        f"--port={settings.flower_port}",
        "--persistent=True",
        f"--db={settings.data / 'flower' / 'state'}",
        f"--max_tasks={_TASKS}",
        f"--state_save_interval={_SAVE_MILLISECONDS}",
        # The name says which job and how far it is; times are told as "a minute ago".
        "--natural_time=True",
        "--tasks_columns=name,uuid,state,received,started,runtime,worker",
        "--purge_offline_workers=3600",
    ]
    return int(celery_app(settings.broker).start(["flower", *options]) or 0)
