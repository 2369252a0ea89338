"""The option `--data` of commands that work on a farm's files without the farm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option("--data", help="The farm's data folder [default: DREAMFARM_DATA, else your user data folder]."),
]


def use(data: Path | None) -> None:
    """Makes this process work on that folder; None: on the usual one."""
    if data is None:
        return
    from shared.settings import settings

    os.environ["DREAMFARM_DATA"] = str(data)
    settings.cache_clear()
