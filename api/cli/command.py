"""What all commands share: how they are registered, find the farm, tell mistakes, and end.

Exit codes: 0 done, 1 failed, 2 used wrongly; 130 when interrupted, as shells expect.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from api.cli.options import JobOptions
from api.remote.errors import FarmError
from shared.manifest_files import ManifestError
from shared.problems import SpecError

#: Mistakes shown at once; a manifest of thousands of lines may have them all.
_SHOWN = 20

Json = Annotated[bool, typer.Option("--json", help="Print JSON")]
Url = Annotated[
    str | None,
    typer.Option("--url", help="The farm's address", envvar="DREAMFARM_URL", metavar="URL", rich_help_panel="The farm"),
]
Key = Annotated[
    str | None,
    typer.Option("--key", help="Your key", envvar="DREAMFARM_KEY", metavar="KEY", rich_help_panel="The farm"),
]

#: Data goes to `out`, everything said about it to `err`. Names are shown as they are: `:x:` in one is no emoji.
out = Console(highlight=False, emoji=False)
err = Console(stderr=True, highlight=False, emoji=False)


class Failed(Exception):
    """It could not be done (exit code 1); the message says what, why and what to do."""


class Misused(Exception):
    """The command was used wrongly (exit code 2); the message says what was wrong and what is right."""


def time_option(text: str) -> Any:
    """An option that takes a time; `text` is its help."""
    return typer.Option(parser=_time, metavar="TIME", help=f"{text}, as 2026-05-31T09:00")


def _time(text: str) -> datetime:
    """A time as people write it, by this machine's clock unless it names another zone."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no time; write it as 2026-05-31T09:00") from None


def add(
    app: typer.Typer,
    function: Callable[..., None],
    *,
    panel: str | None = None,
    name: str | None = None,
    job: JobOptions | None = None,
) -> None:
    """Register a command. Its docstring is its help, and ends with an example."""
    app.command(name or function.__name__, rich_help_panel=panel)(prepared(function, job))


def group(text: str, *examples: str) -> typer.Typer:
    """A group of commands. Its help ends with examples, as a command's does."""
    return typer.Typer(help="\n\n".join([text, *(f"Example: {example}" for example in examples)]), no_args_is_help=True)


def prepared(function: Callable[..., None], job: JobOptions | None = None) -> Callable[..., None]:
    """The function as Typer takes it, telling mistakes and ending with the right code.

    A parameter `farm` becomes `--url` and `--key`; with `job`, a parameter `fields` becomes the options of such a job.
    """
    own = {p.name: p for p in inspect.signature(function).parameters.values()}
    hints = _hints(function, own)
    parameters = [p.replace(kind=p.KEYWORD_ONLY, annotation=hints[p.name]) for p in own.values() if p.name in hints]
    parameters += job.parameters() if job is not None else []
    parameters += [_optional("url", Url), _optional("key", Key)] if "farm" in own else []

    def call(given: Mapping[str, Any]) -> None:
        with contextlib.ExitStack() as stack:
            arguments = {name: given[name] for name in hints}
            if job is not None:
                arguments["fields"] = job.fields(given)
            if "farm" in own:
                from api.client import Farm

                arguments["farm"] = stack.enter_context(Farm(given["url"], given["key"]))
            function(**arguments)

    def command(**given: Any) -> None:
        code = run(lambda: call(given), (lambda path: path) if job is None else job.option_of)
        if code:
            raise typer.Exit(code)

    command.__name__, command.__doc__ = function.__name__, _flowing(inspect.getdoc(function) or "")
    command.__dict__["__signature__"] = inspect.Signature(parameters)
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _hints(function: Callable[..., None], names: Iterable[str]) -> dict[str, Any]:
    """The evaluated annotations of the parameters that are Typer's; those of `farm` and `fields` need not exist yet."""
    kept = {name: function.__annotations__[name] for name in names if name not in ("farm", "fields")}
    bare = types.SimpleNamespace(__annotations__=kept)
    return typing.get_type_hints(bare, globalns=function.__globals__, include_extras=True)


def _flowing(text: str) -> str:
    """Paragraphs without line breaks of their own: a terminal has another width than the code."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _optional(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def run(action: Callable[[], None], option_of: Callable[[str], str] = str) -> int:
    """Do it, tell people what went wrong if something does, and give the exit code."""
    _take_all_characters()
    try:
        action()
    except typer.Exit as exit_:
        return exit_.exit_code
    except ManifestError as error:
        return _wrong([str(m) if m.where else _line(m.field, m.message, option_of) for m in error.mistakes])
    except SpecError as error:
        return _wrong([_line(p.field, p.message, option_of) for p in error.problems])
    except Misused as error:
        return _wrong([str(error)])
    except FarmError as error:
        named = [_line(p.field, p.message, option_of) for p in error.problems if p.field]
        return _wrong(named or [error.message], code=2 if error.caller_erred else 1)
    except ValidationError as error:
        if error.title == "Settings":
            raise  # told by the command line as a whole
        return _wrong([f"the farm's answer is not understood; is it of another version? ({error.title})"], code=1)
    except Failed as error:
        return _wrong([str(error)], code=1)
    except BrokenPipeError:
        # Whoever read our output has read enough (`dreamfarm ls | head`); nothing is left to be flushed there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _wrong([f"{place}{error.strerror or error}"], code=1)
    except KeyboardInterrupt:
        err.print("stopped")
        return 130
    return 0


def _take_all_characters() -> None:
    """Let file names that are no text, and marks that a terminal does not know, be printed rather than raise."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape" if stream.encoding.lower() == "utf-8" else "replace")


def _line(field: str, message: str, option_of: Callable[[str], str]) -> str:
    return f"{option_of(field)}: {message}" if field else message


def _wrong(messages: list[str], code: int = 2) -> int:
    for message in messages[:_SHOWN]:
        err.print(f"[bold red]dreamfarm:[/] {escape(message)}", soft_wrap=True)
    if len(messages) > _SHOWN:
        err.print(f"[bold red]dreamfarm:[/] and {len(messages) - _SHOWN:,} more", soft_wrap=True)
    return code


def print_json(value: Any) -> None:
    """Data for programs: indented on a terminal, exact and uncoloured everywhere."""
    import json

    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
