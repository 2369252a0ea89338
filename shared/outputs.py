"""Outputs: the file a finished job becomes, and the manifest inside it that says all that is needed to make it again."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import Any, BinaryIO, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.pictures import Picture, read_manifest, write
from shared.pixels import FloatArray, bands
from shared.plan import Plan
from shared.specs import COMPLETE, AnySpec, DreamSpec, StyleSpec, assets_of
from shared.tiles import Cut


class NoManifest(ValueError):
    """The picture is no output of dreamfarm, or what it says of itself cannot be read; the message says which."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)  # open to fields of later versions


class ModelMark(_Part):
    """The network that was used: its name and its card's digest; of earlier versions, of the weights file alone."""

    name: str
    sha256: str


class TilingMark(_Part):
    """How the picture was cut. Another tiling rounds the last bits differently."""

    mode: str
    #: Longest side of a tile, and how many of them small pictures were cut into at most.
    tile: int
    parallel: int = Field(default=1, ge=1)
    #: How each octave was cut; earlier versions wrote only the above.
    cuts: tuple[Cut, ...] = ()
    #: Octaves (from 1) that were begun with another cut, which memory forbade to go on with: nobody gets to their bits.
    changed: tuple[int, ...] = ()
    #: Pixels that tiles saw before and after what they own.
    halo: tuple[int, int] | None = None
    #: Of `fast` tiles: the gradient's mean error on a piece of the picture, relative to its mean.
    error: float | None = None


class Manifest(_Part):
    """What it takes to render an output again: nothing in it depends on when, where or in how many attempts it was."""

    #: `dreamfarm <version>`.
    software: str
    spec: AnySpec
    #: Ids (`sha256:…`) of the pictures, by the specification's field path.
    inputs: Mapping[str, str]
    model: ModelMark
    #: Width and height of each octave.
    octaves: tuple[tuple[int, int], ...]
    tiling: TilingMark
    #: Width and height of the output.
    size: tuple[int, int]
    #: SHA-256 (`sha256:…`) of the values before rounding: float32 little-endian, rows first.
    pixels: str
    #: What the planner changed, for people.
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_all_pictures(self) -> Self:
        missing = assets_of(self.spec).keys() - self.inputs.keys()
        if missing:
            raise ValueError(f"it does not say which picture was its {min(missing)}")
        return self


def manifest_of(
    spec: DreamSpec | StyleSpec,
    plan: Plan,
    rgb: FloatArray,
    *,
    model_digest: str,
    cuts: Sequence[Cut] | None = None,
    changed: Sequence[int] = (),
    tiling_error: float | None = None,
) -> Manifest:
    """The manifest of a rendering whose output is `rgb`, (H, W, 3) in 0–255.

    `cuts` are those of its octaves, the plan's without, some of which may have `changed` on the way (numbers from 1);
    `tiling_error` is that of fast tiles.
    """
    return Manifest(
        software=f"dreamfarm {version()}",
        spec=spec,
        inputs=assets_of(spec),
        model=ModelMark(name=spec.model, sha256=model_digest),
        octaves=tuple((octave.width, octave.height) for octave in plan.octaves),
        tiling=TilingMark(
            mode=spec.tiling.mode,
            tile=max(octave.tile for octave in plan.octaves),
            parallel=plan.parallel,
            cuts=tuple(octave.cut for octave in plan.octaves) if cuts is None else tuple(cuts),
            changed=tuple(changed),
            halo=plan.halo,
            error=tiling_error,
        ),
        size=(plan.width, plan.height),
        pixels=pixels_digest(rgb),
        notes=plan.notes,
    )


def pixels_digest(rgb: FloatArray) -> str:
    """`sha256:…` of a picture's values, float32 little-endian, rows first."""
    digest = hashlib.sha256()
    for rows in bands(*rgb.shape[:2]):
        digest.update(np.ascontiguousarray(rgb[rows], "<f4").data)
    return f"sha256:{digest.hexdigest()}"


def write_output(
    file: BinaryIO,
    rgb: FloatArray,
    manifest: Manifest,
    source: Picture | None,
    interrupt: Callable[[], None] = lambda: None,
) -> None:
    """Write the output to an empty file that can seek.

    `rgb`: (H, W, 3) in 0–255; `source`: the input (or content) picture, whose colour profile and transparency the output
    keeps, scaled to its size. What `interrupt`, called every now and then, raises passes through.
    Raises shared.pictures.PictureError.
    """
    write(
        file,
        rgb,
        manifest.spec.output,
        alpha=None if source is None else source.alpha,
        icc=None if source is None else source.icc,
        manifest=manifest.model_dump_json(indent=1),
        interrupt=interrupt,
    )


def output_file(rgb: FloatArray, manifest: Manifest, source: Picture | None) -> bytes:
    """What `write_output` writes, as bytes."""
    file = io.BytesIO()
    write_output(file, rgb, manifest, source)
    return file.getvalue()


def manifest_in(data: bytes) -> Manifest:
    """The manifest inside an output's file. Raises NoManifest, or PictureError for what is no picture."""
    text = read_manifest(data)
    if text is None:
        raise NoManifest("the picture carries no dreamfarm manifest: it is not an output, or was saved anew since")
    return parse_manifest(text)


def parse_manifest(text: str) -> Manifest:
    """A manifest from its JSON. Raises NoManifest."""
    try:
        # Parsed first, so that whatever else describes itself in the picture's metadata is told apart.
        fields: Any = json.loads(text)
        return Manifest.model_validate(fields, context=COMPLETE)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise NoManifest(f"the picture's manifest cannot be read by this version: {reason}") from None
    except (ValueError, RecursionError):
        raise NoManifest("the picture's description is not a dreamfarm manifest") from None


@cache
def version() -> str:
    """This software's version."""
    try:
        return metadata.version("dreamfarm")
    except metadata.PackageNotFoundError:
        return "unknown"  # run from a source tree that was not installed
