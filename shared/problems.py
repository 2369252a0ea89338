"""Mistakes in a specification, as field path and sentence, with the nearest known name for what is unknown."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError


@dataclass(frozen=True)
class Problem:
    """One mistake: where it is (`octaves.scale`; empty for the whole), and what is wrong and what to do."""

    field: str
    message: str


class SpecError(ValueError):
    """A specification that cannot be rendered as it stands; `problems` names every mistake found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.field}: {p.message}" if p.field else p.message for p in problems))


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'x', 'y'?)` for the known names nearest to `name`, or nothing."""
    lowered = {k.lower(): k for k in known}
    matches = difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.55)
    return f" (did you mean {', '.join(repr(lowered[m]) for m in matches)}?)" if matches else ""


def unknown_field(name: str, known: Iterable[str]) -> str:
    """What is said of a field that there is none of."""
    return f"unknown field {name!r}{nearest(name, known)}"


#: What people write, where Pydantic names classes of Python.
_IN_JSON = {
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
    "tuple_type": "a list",
}


def problems_of(error: ValidationError, root: Any) -> list[Problem]:
    """Pydantic's errors as problems. `root` is the type that was validated: a model, union or container of models."""
    errors: list[dict[str, Any]] = [dict(e) for e in error.errors(include_url=False, include_context=True)]
    # An item that is wrong also makes its container "too short": the item's own error is the one to show.
    inner = {e["loc"][:-k] for e in errors for k in range(1, len(e["loc"]))}
    return [_problem(e, root) for e in errors if not (e["type"] == "too_short" and e["loc"] in inner)]


def _problem(error: dict[str, Any], root: Any) -> Problem:
    path, models = _walk(error["loc"], root)
    message = str(error["msg"])
    if error["type"] == "extra_forbidden":
        name = str(error["loc"][-1])
        known = {field for model in models for field in model.model_fields}
        message = unknown_field(name, known)
    elif error["type"] == "value_error":
        message = message.removeprefix("Value error, ")
    elif error["type"] == "missing":
        message = "this field is required"
    elif error["type"] in _IN_JSON:
        message = f"this should be {_IN_JSON[error['type']]} (got {_short(error.get('input'))})"
    elif error["type"] == "union_tag_not_found":
        path, message = ".".join(filter(None, [path, "kind"])), "this field is required: 'dream' or 'style'"
    elif error["type"] == "union_tag_invalid":
        path = ".".join(filter(None, [path, "kind"]))
        message = f"unknown kind {error['ctx']['tag']!r}; there are: {error['ctx']['expected_tags']}"
    else:
        message = f"{message} (got {_short(error.get('input'))})"
    return Problem(path, message)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _walk(loc: tuple[int | str, ...], root: Any) -> tuple[str, list[type[BaseModel]]]:
    """The path as people write it (without union tags), and the models whose field the last part is."""
    kinds: list[Any] = [root]
    parts: list[str] = []
    owners: list[type[BaseModel]] = []
    for part in loc:
        models = [m for kind in kinds for m in _models(kind)]
        tagged = [m for m in models if _tag(m) == part]
        if tagged and not any(part in m.model_fields for m in models):
            kinds, owners = list(tagged), tagged
            continue
        if isinstance(part, str) and not models:
            continue  # the member of a union of plain values
        owners = models
        parts.append(str(part))
        if isinstance(part, str):
            kinds = [m.model_fields[part].annotation for m in models if part in m.model_fields]
    return ".".join(parts), owners


def _tag(model: type[BaseModel]) -> str | None:
    kind = model.model_fields.get("kind")
    return None if kind is None else kind.default


def _models(kind: Any) -> list[type[BaseModel]]:
    """The models inside an annotation: itself, a union's members, a container's items."""
    if isinstance(kind, type) and issubclass(kind, BaseModel) and not isinstance(kind, types.GenericAlias):
        return [kind]
    return [model for arg in typing.get_args(kind) for model in _models(arg)]
