"""Numbers, states and tables as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.cli.command import out
from shared.states import State

#: Between the columns of a table; a column that gives way keeps so much.
_GAP, _NARROWEST = 2, 8
#: Columns of names, which are cut in their middle.
_NAMES = ("name", "job")
#: No line of a table in a pipe is longer.
_PIPE_WIDTH = 2_000
_COLOURS: dict[str, str] = {
    "queued": "dim",
    "running": "cyan",
    "paused": "yellow",
    "succeeded": "green",
    "failed": "bold red",
    "cancelled": "magenta",
}
_MARKS: dict[str, str] = {
    "succeeded": "✓",
    "failed": "✗",
    "cancelled": "–",
    "running": "▸",
    "paused": "‖",
    "queued": "·",
}


def state(name: State | str) -> Text:
    """A state in its colour, with its mark."""
    return Text(f"{_MARKS.get(name, ' ')} {name}", style=_COLOURS.get(name, ""))


def duration(seconds: float | None) -> str:
    """`8.2 s`, `4 min 10 s`, `3 h 5 min`, `2 d 4 h`; `?` for None."""
    if seconds is None:
        return "?"
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    for large, small, big in (("min", "s", 60), ("h", "min", 3600), ("d", "h", 86_400)):
        if seconds < big * (60 if big < 3600 else 24 if big == 3600 else float("inf")):
            count, rest = divmod(round(seconds), big)
            rest //= {60: 1, 3600: 60, 86_400: 3600}[big]
            return f"{count} {large}" + (f" {rest} {small}" if rest else "")
    raise AssertionError("unreachable: the last unit has no end")


def size(count: float) -> str:
    """Bytes: `812 B`, `3.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def work(mpit: float) -> str:
    """MP·it with three digits or so."""
    return f"{mpit:,.0f} MP·it" if mpit >= 100 else f"{mpit:.3g} MP·it"


def count(number: int, noun: str) -> str:
    """`1 job`, `12 jobs`."""
    plural = noun + ("es" if noun.endswith("ch") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def ago(at: datetime) -> str:
    """`3 min ago`, in its largest unit."""
    seconds = max(0.0, (datetime.now(UTC) - at).total_seconds())
    words = duration(seconds).split()
    return "just now" if seconds < 5 else f"{round(float(words[0]))} {words[1]} ago"


def clock(at: datetime) -> str:
    """The local time, with the day where it is not today's."""
    local = at.astimezone()
    return local.strftime("%H:%M:%S" if local.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M:%S")


def shortened(text: str, width: int) -> str:
    """The text in so many columns of a terminal at most, cut in its middle: names differ at their ends."""
    if cell_len(text) <= width:
        return text
    kept = max(0, width - 1)
    return _fitting(text, kept - kept // 2) + "…" + _fitting(text[::-1], kept // 2)[::-1]


def _fitting(text: str, width: int) -> str:
    """The beginning of a text that is longer, in so many columns at most."""
    taken = 0
    for i, character in enumerate(text):
        taken += cell_len(character)
        if taken > width:
            return text[:i]
    return text


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    right: Sequence[str] = (),
    flexible: str = "name",
) -> None:
    """Print a table. In a pipe every row is a whole line; on a terminal the flexible column gives way to the others, and
    then that of the names."""
    # Text, not markup: a file name may hold square brackets.
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    grid = Table(box=None, header_style="dim", pad_edge=False, padding=(0, _GAP, 0, 0))
    widths = [max([len(column), *(row[i].cell_len for row in cells)]) for i, column in enumerate(columns)]
    giving_way = [column for column in dict.fromkeys((flexible, *_NAMES)) if column in columns]
    for column in giving_way if out.is_terminal else ():
        i = columns.index(column)
        widths[i] = min(widths[i], max(_NARROWEST, out.width - sum(widths) + widths[i] - _GAP * len(columns)))
        for row in cells:
            if column in _NAMES:
                row[i] = Text(shortened(row[i].plain, widths[i]), style=row[i].style)
            else:
                row[i].truncate(widths[i], overflow="ellipsis")
    for column, width in zip(columns, widths, strict=True):
        grid.add_column(column, justify="right" if column in right else "left", no_wrap=True, min_width=width)
    for row in cells:
        grid.add_row(*row)
    (out if out.is_terminal else Console(file=out.file, width=_PIPE_WIDTH)).print(grid)
