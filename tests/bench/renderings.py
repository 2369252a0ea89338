"""Rendering as a worker does it, step by step, on networks that no model folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.plan import Plan, plan
from shared.specs import SPEC
from shared.tiles import Span
from tests.bench.pictures import STEP
from worker.networks.network import Network
from worker.render.rendering import Rendering, begin
from worker.render.tiles import Canvas

ASSET = "sha256:" + "0" * 64


def never() -> None:
    """Interrupts nothing."""


def octave_step(layer: str, tiling: Mapping[str, Any], precision: str = "float32") -> dict[str, Any]:
    """The fields of a dream of one octave that goes on and on: the mean square of a layer, as the tutorials take it."""
    return {
        "kind": "dream",
        "input": ASSET,
        "objective": [{"layer": layer, "statistic": "mean_square"}],
        "gradient": {"normalise": "mean_abs"},
        "octaves": {"count": 1},
        "iterations": 1000,
        "step": STEP,
        "tiling": tiling,
        "precision": precision,
    }


def one_tile(side: int) -> Canvas:
    """A square picture that is a tile."""
    span = Span(0, side, 0, side)
    return Canvas((span,), (span,))


def planned(network: Network, fields: Mapping[str, Any], height: int, width: int) -> tuple[Any, Plan]:
    """A specification, and its plan for this process and an input of that size."""
    from worker.machine import machine

    spec = SPEC.validate_python({"model": network.card.name, **fields})
    return spec, plan(spec, card=network.card, width=width, height=height, machine=machine())


def rendering(network: Network, fields: Mapping[str, Any], pictures: Mapping[str, Any]) -> Rendering:
    """A rendering before its first iteration; its size is that of the first of the pictures (H, W, 3)."""
    height, width = next(iter(pictures.values())).shape[:2]
    return begin(*planned(network, fields, height, width), network, pictures)
