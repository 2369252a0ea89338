"""The register of motifs. A motif is a function that draws with a pen; adding one is adding a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from worker.networks.motifnet.making.pen import Pen

#: How far a motif may be turned: hardly, as things that stand; or to any angle, as things that lie or fly.
Pose = Literal["upright", "any"]
Draw = Callable[[Pen], None]


@dataclass(frozen=True)
class Motif:
    """Something with a name that can be drawn."""

    name: str
    draw: Draw
    pose: Pose
    #: Whether it fills the frame and has no outline of its own.
    texture: bool


#: Every motif by name, in the order of definition.
MOTIFS: dict[str, Motif] = {}


def motif(pose: Pose = "upright") -> Callable[[Draw], Draw]:
    """Registers a function as a motif that lies within [−1, 1]² (roughly), under its own name."""
    return lambda draw: _registered(draw, pose, texture=False)


def texture(pose: Pose = "any") -> Callable[[Draw], Draw]:
    """Registers a function as a motif that covers everything within ±`REACH`, under its own name."""
    return lambda draw: _registered(draw, pose, texture=True)


def _registered(draw: Draw, pose: Pose, *, texture: bool) -> Draw:
    name = draw.__name__.rstrip("_")
    if name in MOTIFS:
        raise ValueError(f"there are two motifs {name!r}: give one of the functions another name")
    MOTIFS[name] = Motif(name, draw, pose, texture)
    return draw
