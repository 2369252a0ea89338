"""The options that describe a job. Types, choices and help come from the fields of `shared.specs`."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shared.manifest_files import Job
from shared.manifests import NO_MASK, SHORT, change, complete, parse_layer, parse_style
from shared.presets import DREAM_PRESETS, STYLE_PRESETS
from shared.specs import DreamSpec, StyleSpec

Kind = type[DreamSpec] | type[StyleSpec]


@dataclass(frozen=True)
class Flag:
    """An option that sets one field: the field's short name or path is its name."""

    key: str
    panel: str
    metavar: str | None = None
    #: Its help, where the field's own description would not do on a command line.
    text: str | None = None

    @property
    def path(self) -> str:
        """The field's path in the specification."""
        return SHORT.get(self.key, self.key)

    @property
    def name(self) -> str:
        """As it is typed."""
        return "--" + self.key.replace("_", "-")


_WHAT, _HOW, _RESULT = "What is rendered", "How it is rendered", "What comes out"
_SHARED = (
    Flag("preset", _WHAT, "NAME"),
    Flag("model", _WHAT, "NAME", "The network (see `dreamfarm models`)"),
    Flag("size", _RESULT, "PX"),
    Flag("octaves", _HOW, "N", "How many scales, from small to large"),
    Flag("octave_scale", _HOW, "X"),
    Flag("iterations", _HOW, "N"),
    Flag("seed", _HOW, "N"),
    Flag("precision", _HOW),
    Flag("tiling", _HOW),
    Flag("tile", _HOW, "PX", "Tile side; without, the planner chooses"),
    Flag("halo", _HOW, "PX", "What fast tiles see of their neighbours; without, half of what exact ones need"),
    Flag("frames_every", _RESULT, "N", "Keep a frame every N iterations; 0: only at the end of an octave"),
    Flag("animation", _RESULT, None, "Also make an animation of the frames"),
    Flag("format", _RESULT, None, "The output's file format"),
    Flag("bits", _RESULT),
    Flag("quality", _RESULT, "1-100"),
    Flag("name", _RESULT, "TEXT", "Shown to people; without, the picture's file name"),
)
_FLAGS: dict[Kind, tuple[Flag, ...]] = {
    DreamSpec: (
        *_SHARED,
        Flag("guide", _WHAT, "PICTURE", "A picture whose features the layers look for in the others"),
        Flag("step", _HOW, "X"),
        Flag("gradient", _HOW),
        Flag("blur", _HOW, "PX", "Smooths the gradient: a Gaussian's standard deviation"),
        Flag("decorrelate", _HOW, "0-1", "Natural colours instead of a rainbow's: 0 for none, 1 as in photographs"),
        Flag("jitter", _HOW, "PX"),
        Flag("detail", _HOW),
        Flag("clip", _HOW),
        Flag("max_score", _HOW, "X"),
        Flag("aspect", _RESULT, "X", "Width / height of a dream from noise; a picture keeps its own"),
    ),
    StyleSpec: (
        *_SHARED,
        Flag("content_weight", _WHAT, "X", "How much the content counts"),
        Flag("style_weight", _WHAT, "X", "How much the styles count"),
        Flag("tv_weight", _WHAT, "X", "How much smoothness (total variation) counts"),
        Flag("keep_colors", _WHAT),
        Flag("loss", _HOW),
        Flag("optimizer", _HOW, None, "adam, or lbfgs: fewer iterations, more memory"),
        Flag("history", _HOW, "N"),
        Flag("learning_rate", _HOW, "X"),
        Flag("noise", _HOW, "0-1"),
        Flag("clip", _HOW),
    ),
}
#: A farm's order of service; there is none in this process.
_PRIORITY = Flag("priority", _HOW, "0-9")


@dataclass(frozen=True)
class JobOptions:
    """The options of one kind of job, as a command's parameters and back."""

    kind: Kind
    #: Whether the job goes to a farm, where it has a priority.
    queued: bool = True

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The options that set one field each."""
        return _FLAGS[self.kind] + ((_PRIORITY,) if self.queued else ())

    def parameters(self) -> list[inspect.Parameter]:
        """The parameters of a Typer command."""
        return [_parameter(self.kind, flag) for flag in self.flags] + _lists(self.kind)

    def fields(self, given: Mapping[str, Any]) -> Job:
        """The job that the given options describe; without its content or input. Raises ManifestError."""
        named = {flag.key: given[flag.key] for flag in self.flags if given[flag.key] is not None}
        job = complete({"kind": self.kind.model_fields["kind"].default, **named})
        for key, field, parse in (
            ("layer", "objective", parse_layer),
            ("content_layer", "content_layers", parse_layer),
            ("style_layer", "style_layers", parse_layer),
            ("style", "styles", parse_style),
        ):
            if given.get(key):
                job[field] = [parse(text) for text in given[key]]
        return change(job, {"mask": given["mask"]}) if given.get("mask") else job

    def option_of(self, path: str) -> str:
        """What a person typed to set the field at `path`: the option's name, else the path."""
        names = {flag.path: flag.name for flag in self.flags}
        names |= {"objective": "--layer", "styles": "--style", "content_layers": "--content-layer"}
        names |= {"style_layers": "--style-layer", "mask": "--mask"}
        return names.get(path) or names.get(path.split(".", 1)[0]) or path


def _parameter(kind: Kind, flag: Flag) -> inspect.Parameter:
    """A flag as a command's parameter, of its field's type."""
    field = _field(kind, flag.path)
    annotation: Any = field.annotation
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        annotation = next(part for part in typing.get_args(annotation) if part is not types.NoneType)
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    if flag.key == "bits":
        annotation = str  # to Typer, choices are text; the specification tells a wrong one
    names = [flag.name, f"--no-{flag.name[2:]}"] if annotation is bool else [flag.name]
    option = typer.Option(
        "/".join(names), help=_help(kind, flag, field), metavar=flag.metavar, rich_help_panel=flag.panel
    )
    return _optional(flag.key, Annotated[annotation | None, option])


def _help(kind: Kind, flag: Flag, field: FieldInfo) -> str:
    if flag.key == "preset":
        return f"A named recipe: {', '.join(DREAM_PRESETS if kind is DreamSpec else STYLE_PRESETS)}"
    if flag.key == "bits":
        return f"{field.description}: {' or '.join(map(str, typing.get_args(field.annotation)))}"
    return flag.text or field.description or ""


def _lists(kind: Kind) -> list[inspect.Parameter]:
    """The options that may be given several times."""
    if kind is DreamSpec:
        return [_list("layer", "L[:channel][=weight]", "A layer, or a channel of it (name or number), to dream on")]
    return [
        _list("style", "PICTURE[=weight]", "A picture whose style is taken over"),
        _list(
            "mask",
            "PICTURE",
            f"Where a style is laid, in the order of the styles: white where it is, grey for partly, {NO_MASK} for a style "
            "without; what no style covers stays as it is",
        ),
        _list("content_layer", "L[=weight]", "A layer that holds on to the content"),
        _list("style_layer", "L[=weight]", "A layer that takes over the style"),
        _list("layer", "L[:channel][=weight]", "A layer, or a channel of it, to dream into the picture as well"),
    ]


def _list(key: str, metavar: str, text: str) -> inspect.Parameter:
    option = typer.Option(
        "--" + key.replace("_", "-"), help=f"{text}; may be repeated", metavar=metavar, rich_help_panel=_WHAT
    )
    return _optional(key, Annotated[list[str] | None, option])


def _optional(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _field(kind: type[BaseModel], path: str) -> FieldInfo:
    """The field at a path such as `octaves.scale`."""
    *parents, last = path.split(".")
    model: Any = kind
    for part in parents:
        model = model.model_fields[part].annotation
    found: FieldInfo = model.model_fields[last]
    return found
