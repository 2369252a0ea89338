"""The command `dreamfarm`, composed of its parts, and the one place where mistakes become a message and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from api import cli
from deploy import commands, local
from deploy.errors import Failed, Misused


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"dreamfarm {version('dreamfarm')}")
        raise typer.Exit


def _start(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """An asynchronous render farm for DeepDream and neural style transfer."""


def build() -> typer.Typer:
    """The command line's application."""
    app = typer.Typer(name="dreamfarm", no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_start)
    cli.add_commands(app)
    local.add_commands(app)
    commands.add_commands(app)
    return app


def main() -> None:
    """Run the command that the arguments name."""
    try:
        build()(prog_name="dreamfarm")
    except Failed as error:
        sys.exit(_told(error, 1))
    except Misused as error:
        sys.exit(_told(error, 2))


def _told(error: Exception, code: int) -> int:
    print(f"dreamfarm: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
