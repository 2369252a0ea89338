"""The files that hold batch manifests, read into jobs as they stand there; `shared.manifests` makes sense of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Job = dict[str, Any]


@dataclass(frozen=True)
class Mistake:
    """What is wrong: in which line or job (`line 3`; may be empty), in which field (may be empty), and what to do."""

    where: str
    field: str
    message: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.where, self.field, self.message)))


class ManifestError(ValueError):
    """A manifest, sweep or setting that cannot be used; `mistakes` holds all that were found."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(map(str, mistakes)))


def _csv(text: str) -> Iterator[tuple[str, Job]]:
    header = text.split("\n", 1)[0]
    delimiter = next((d for d in (",", ";", "\t") if d in header), ",")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(rows, [])]
        if len(set(names)) < len(names) or "" in names:
            raise _error("the first line should name every column, each differently", "line 1")
        for row in rows:
            where = f"line {rows.line_num}"
            if len(row) > len(names):
                raise _error(f"{len(row)} cells, but only {len(names)} columns are named", where)
            # An empty cell leaves the field to the preset; an empty line is no job.
            fields = {name: cell.strip() for name, cell in zip(names, row, strict=False) if cell.strip()}
            if fields:
                yield where, fields
    except csv.Error as error:
        raise _error(f"not readable as CSV: {error}", f"line {rows.line_num}") from None


def _ndjson(text: str) -> Iterator[tuple[str, Job]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"line {number}"
            yield where, _object(_load_json(line, where), where)


def _json(text: str) -> Iterator[tuple[str, Job]]:
    return _jobs(_load_json(text, ""))


def _yaml(text: str) -> Iterator[tuple[str, Job]]:
    import yaml  # only here: most batches come without

    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: the 32nd of a month
        raise _error(f"not readable as YAML: {' '.join(str(error).split())}") from None
    return _jobs(data)


def _jobs(data: Any) -> Iterator[tuple[str, Job]]:
    """The jobs of `[…]`, of `{"jobs": […]}`, or of one job alone."""
    if isinstance(data, Mapping) and "jobs" in data:
        data = data["jobs"]
    elif isinstance(data, Mapping):
        data = [data]
    if not isinstance(data, list):
        raise _error("there should be a list of jobs, or an object whose `jobs` is one")
    return ((f"job {i}", _object(item, f"job {i}")) for i, item in enumerate(data, 1))


def _load_json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = where or f"line {error.lineno}"
        raise _error(f"not readable as JSON: {error.msg} (column {error.colno})", place) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets without end
        raise _error(f"not readable as JSON: {error}", where) from None


def _object(value: Any, where: str) -> Job:
    if not isinstance(value, Mapping):
        raise _error(f"a job should be an object with fields, not {repr(value)[:60]}", where)
    return {str(key): item for key, item in value.items()}


def _error(message: str, where: str = "") -> ManifestError:
    return ManifestError(Mistake(where, "", message))


#: By format: a reader of text that yields each job's place (`line 3`) and fields, and raises ManifestError.
READERS: Mapping[str, Callable[[str], Iterator[tuple[str, Job]]]] = {
    "csv": _csv, "json": _json, "ndjson": _ndjson, "jsonl": _ndjson, "yaml": _yaml, "yml": _yaml,
}  # fmt: skip
