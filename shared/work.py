"""What the layers of a job cost: operations and memory, per pixel and of a whole octave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from shared.cards import Card
from shared.specs import DreamSpec, StyleSpec, Tiling
from shared.tiles import Reach, reach_of, round_up

if TYPE_CHECKING:
    from shared.plan import OctavePlan

#: Longest side in pixels at which a dream's guide is looked at. Networks know things at about this size, and each cell
#: of the picture is compared with each of the guide.
GUIDE_EDGE = 256
#: Memory that a gradient takes at its peak, in sizes of all activations: values, gradients, workspace. TensorFlow
#: frees as it goes; 1.0 was measured on a CPU, and workspaces are larger on GPUs.
ACTIVATION_COPIES = 1.5
#: Bytes per pixel of picture-sized arrays that are alive at the peak of an iteration: for dreams the picture, its
#: gradient and the smaller bands of its pyramid in float32, and the original; for style transfers Adam's moments and the
#: content's features too.
DREAM_BYTES, STYLE_BYTES = 34, 96
#: What a pair of L-BFGS' history adds to that; a mask at the picture's size; and, where there are masks, the content that
#: shows where no style is laid.
HISTORY_BYTES, MASK_BYTES, KEPT_BYTES = 24, 4, 16
#: Of a content's features, what `STYLE_BYTES` has for them.
CONTENT_BYTES = 16
#: Bytes per pixel of a style's picture while it is measured, and those of an octave's pixel that are not taken up then.
MEASURING_BYTES, SPARE_BYTES = 24, 60


@dataclass(frozen=True)
class Work:
    """What the layers of a job cost."""

    reach: Reach
    #: Smallest side of a picture that the network takes, and of a window in which all layers have a cell, in pixels.
    min_size: int
    min_window: int
    macs_per_pixel: float
    #: Multiply-adds per pixel that comparing with a guide takes, once in each iteration, if its guide is a square.
    guide_macs_per_pixel: float
    floats_per_pixel: float
    #: Pictures that are measured before an octave: the styles and the content.
    measured: int
    #: Of arrays of the picture's size.
    bytes_per_pixel: int
    roll: bool

    @property
    def smallest_tile(self) -> int:
        """Smallest side of a tile."""
        # The pieces of `roll` may be little more than half a tile, and each has to hold a cell.
        return max(round_up(2 * self.min_window, self.reach.stride), 32) if self.roll else self.reach.smallest_tile

    @classmethod
    def of(cls, card: Card, layers: tuple[str, ...], spec: DreamSpec | StyleSpec) -> Work:
        """What a job costs that uses these layers."""
        held, measured = DREAM_BYTES, 0
        if isinstance(spec, StyleSpec):
            held, measured = STYLE_BYTES, len(spec.styles) + 1
            if spec.optimizer.method == "lbfgs":
                held += HISTORY_BYTES * spec.optimizer.history
            held += _maps_bytes(card, spec)
        guided = tuple(term.layer for term in spec.objective if term.statistic == "guided")
        return _of(card, layers, guided, measured, held, spec.tiling)


def _maps_bytes(card: Card, spec: StyleSpec) -> int:
    """Bytes per pixel of what a style transfer keeps of the content's features and of masks, as far as it is much."""
    content = {item.layer for item in spec.content_layers}
    features = sum(4 * layer.channels / layer.stride**2 for layer in map(card.find_layer, content))
    held = max(features - CONTENT_BYTES, 0.0)
    masks = sum(style.mask is not None for style in spec.styles)
    if masks:
        cells = sum(4 / card.find_layer(item.layer).stride ** 2 for item in spec.style_layers)
        held += masks * (MASK_BYTES + cells) + KEPT_BYTES
    return math.ceil(held)


@lru_cache(maxsize=4096)
def _of(card: Card, names: tuple[str, ...], guided: tuple[str, ...], measured: int, held: int, tiling: Tiling) -> Work:
    layers = [card.find_layer(name) for name in names]
    compared = [card.find_layer(name) for name in guided]
    reach = reach_of(layers)
    min_window = max(layer.min_size for layer in layers)
    return Work(
        reach=reach.shortened(tiling.halo, min_window) if tiling.mode == "fast" else reach,
        min_size=max(card.min_size, min_window),
        min_window=min_window,
        macs_per_pixel=max(layer.macs_per_pixel for layer in layers),
        guide_macs_per_pixel=sum(layer.channels * GUIDE_EDGE**2 / layer.stride**4 for layer in compared),
        floats_per_pixel=max(layer.floats_per_pixel for layer in layers),
        measured=measured,
        bytes_per_pixel=held,
        roll=tiling.mode == "roll",
    )


def flops(octave: OctavePlan, work: Work) -> float:
    """Floating-point operations of an octave: two per multiply-add.

    A gradient costs as much as the values, and statistics first need the values alone.
    What is measured before costs the values once; styles count as large as the octave, as most of them are.
    """
    passes = 3 if work.measured and octave.tiles > 1 and not octave.keep else 2
    compared = work.guide_macs_per_pixel * octave.height * octave.width * octave.iterations
    return 2.0 * (work.macs_per_pixel * octave.seen * (passes * octave.iterations + work.measured) + compared)


def peak_bytes(octave: OctavePlan, work: Work, parallel: int) -> int:
    """Memory of an octave at its peak, on host and device together, with so many tiles at once."""
    at_once = octave.seen if octave.keep else octave.seen / octave.tiles * min(octave.tiles, parallel)
    device = at_once * work.floats_per_pixel * 4 * ACTIVATION_COPIES
    pixels = octave.canvas_height * octave.canvas_width
    host = pixels * work.bytes_per_pixel
    if work.measured:
        measuring = pixels * (work.bytes_per_pixel - SPARE_BYTES) + octave.style_pixels * MEASURING_BYTES
        host = max(host, measuring)
    return int(device + host)
