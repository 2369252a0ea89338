"""The command `dreamfarm`, composed of its parts. What a person can mend ends as a message and an exit code."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from rich.markup import escape

from api import cli
from api.cli.command import err
from deploy import commands, local, networks


def build() -> typer.Typer:
    """The command line's application."""
    app = typer.Typer(name="dreamfarm", no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_start)
    for part in (commands, cli, local, networks):
        part.add_commands(app)
    return app


def main() -> None:
    """Run the command that the arguments name."""
    try:
        build()(prog_name="dreamfarm")
    except Exception as error:
        # Each command tells the mistakes that it knows of. These can come from any of them.
        explained = _setting(error) or _service(error)
        if explained is None:
            raise
        message, code = explained
        err.print(f"[bold red]dreamfarm:[/] {escape(message)}", soft_wrap=True)
        sys.exit(code)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dreamfarm {version('dreamfarm')}")
        raise typer.Exit


def _start(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """An asynchronous render farm for DeepDream and neural style transfer.

    Example: dreamfarm up --detach

    Example: dreamfarm dream castle.jpg --watch --out dreams
    """


def _setting(error: Exception) -> tuple[str, int] | None:
    """A setting that is wrong."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or error.title != "Settings":
        return None
    wrong = [
        f"{_named(str(problem['loc'][0]))}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    ]
    return "; ".join(wrong), 2


def _named(setting: str) -> str:
    return f"DREAMFARM_{setting.upper()}"


def _service(error: Exception) -> tuple[str, int] | None:
    """A database or a Redis that does not answer."""
    from alembic.util import CommandError
    from kombu.exceptions import OperationalError
    from sqlalchemy.exc import SQLAlchemyError

    first_line = (str(error).splitlines() or [""])[0]
    if isinstance(error, SQLAlchemyError):
        remedy = "`dreamfarm db upgrade` makes its tables, `dreamfarm doctor` tells more"
        return f"the database does not do what it should: {first_line}; {remedy}", 1
    if isinstance(error, CommandError):
        return f"the database's schema is not one of this version's: {first_line}; was it made by a newer one?", 1
    if isinstance(error, OperationalError):
        return f"Redis cannot be reached: {first_line}; `dreamfarm doctor` tells more", 1
    return None


if __name__ == "__main__":
    main()
