"""Outputs: the file a finished job becomes, and the manifest inside it that says all that is needed to make it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.pictures import Picture, encode, read_manifest
from shared.plan import Plan
from shared.specs import AnySpec, DreamSpec, StyleSpec, assets_of


class NoManifest(ValueError):
    """The picture is no output of dreamfarm, or what it says of itself cannot be read; the message says which."""


class Manifest(BaseModel):
    """Where an output comes from."""

    model_config = ConfigDict(frozen=True)  # open to fields of later versions

    #: Version of the software that rendered it.
    dreamfarm: str
    spec: AnySpec
    #: SHA-256 of the network's weights file, hexadecimal.
    model_digest: str
    #: Ids (`sha256:…`) of the pictures, by the specification's field path.
    inputs: Mapping[str, str]
    width: int
    height: int
    #: Side of the tiles of each octave: another tiling rounds differently in the last bits.
    tiles: tuple[int, ...]
    mpit: float
    #: The farm's job, None for one that was rendered without a farm.
    job: str | None = None

    @property
    def tile_limit(self) -> int:
        """The largest tile side that was used, from which the planner makes the same tiles again."""
        return max(self.tiles)


def manifest_of(spec: DreamSpec | StyleSpec, plan: Plan, *, model_digest: str, job: str | None = None) -> Manifest:
    """The manifest of a rendering."""
    return Manifest(
        dreamfarm=version(),
        spec=spec,
        model_digest=model_digest,
        inputs=assets_of(spec),
        width=plan.width,
        height=plan.height,
        tiles=tuple(octave.tile for octave in plan.octaves),
        mpit=plan.mpit,
        job=job,
    )


def output_file(rgb: NDArray[np.float32], manifest: Manifest, source: Picture | None) -> bytes:
    """The output's file. `rgb`: (H, W, 3) in 0–255; `source`: the input (or content) picture, whose colour profile and
    transparency the output keeps, scaled to its size. Raises shared.pictures.PictureError."""
    alpha = None if source is None or source.alpha is None else _scaled(source.alpha, rgb.shape[1], rgb.shape[0])
    icc = None if source is None else source.icc
    return encode(rgb, manifest.spec.output, alpha=alpha, icc=icc, manifest=manifest.model_dump_json())


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
        return Manifest.model_validate(fields)
    except ValidationError as error:
        raise NoManifest(f"the picture's manifest cannot be read by this version: {error.errors()[0]['msg']}") from None
    except ValueError:
        raise NoManifest("the picture's description is not a dreamfarm manifest") from None


@cache
def version() -> str:
    """This software's version."""
    try:
        return metadata.version("dreamfarm")
    except metadata.PackageNotFoundError:
        return "unknown"  # run from a source tree that was not installed


def _scaled(alpha: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Transparency (H, W) in 0–1 at another size."""
    if alpha.shape == (height, width):
        return alpha
    resized = Image.fromarray(alpha).resize((width, height), Image.Resampling.LANCZOS)
    return np.clip(np.asarray(resized, np.float32), 0, 1)
