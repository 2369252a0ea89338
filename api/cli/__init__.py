"""The commands that talk to a farm over HTTP. Importing them is quick: what is heavy is imported when it is needed."""

from __future__ import annotations

import typer

from api.cli import deleting, look, networks, planning, steer, submit


def add_commands(app: typer.Typer) -> None:
    """Add all commands of this package."""
    for module in (submit, look, steer, deleting, networks, planning):
        module.add_commands(app)
