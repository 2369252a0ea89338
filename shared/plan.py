"""The planner: octaves, tiles, work, memory. Arithmetic over a job's specification and a network's card.

The renderer follows the plan to the letter, so what people are told before a job is queued is what is rendered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from shared.cards import Card, Layer, UnknownChannel, UnknownLayer
from shared.pictures import misfit
from shared.problems import Problem, SpecError
from shared.specs import DreamSpec, StyleSpec
from shared.tiles import Reach, Span, cut, pieces, reach_of, round_up

#: Long edge in pixels of a dream from noise that names no size.
NOISE_LONG_EDGE = 512
#: Operations of one tile's gradient where no device memory is given, as on a CPU. Smaller tiles pay more for their
#: halo; larger ones take two slow cores longer than the second within which a cancelled job should stop.
TILE_FLOPS = 60e9
#: Largest tile side on a CPU: a larger one saves little, and its activations take gigabytes.
LARGEST_CPU_TILE = 2048
#: Largest tile side that is chosen for a device with much memory: beyond it the halo costs under a fifth.
LARGEST_TILE = 4096
#: Memory that a gradient takes at its peak, in sizes of all activations: values, gradients, workspace. TensorFlow
#: frees as it goes; 1.0 was measured on a CPU, and workspaces are larger on GPUs.
ACTIVATION_COPIES = 1.5
#: float32 arrays of the picture's size that are alive at the peak of an iteration.
DREAM_PICTURES, STYLE_PICTURES = 6, 10
#: Share of a device's memory that a tile may take.
DEVICE_SHARE = 0.6


@dataclass(frozen=True)
class OctavePlan:
    """One octave. Its picture is rendered on a canvas extended to multiples of the stride and cropped afterwards."""

    height: int
    width: int
    iterations: int
    #: Longest side of a tile; the canvas' own longer side when one tile holds it.
    tile: int
    tiles: int
    #: Megapixel-iterations.
    mpit: float
    canvas_height: int
    canvas_width: int
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    #: Whether all tiles' activations fit into memory at once, so that nothing is computed twice.
    keep: bool = False


@dataclass(frozen=True)
class Plan:
    """What rendering a job will do and cost."""

    octaves: tuple[OctavePlan, ...]
    #: Size of the output in pixels.
    width: int
    height: int
    #: Iterations over all octaves.
    steps: int
    mpit: float
    flops: float
    #: Memory at the peak on host and device together, without what the libraries take.
    peak_bytes: int
    #: Pixels that the canvas' sides are multiples of.
    stride: int
    #: Sentences for people about what was changed to make the job renderable.
    notes: tuple[str, ...]


def plan(
    spec: DreamSpec | StyleSpec,
    *,
    card: Card,
    width: int | None,
    height: int | None,
    tile_limit: int | None = None,
    device_bytes: int | None = None,
) -> Plan:
    """The plan of a job whose input or content picture measures `width` × `height` (None: it starts from noise).

    `tile_limit` bounds the tile side whatever the specification asks for (a device that ran out of memory);
    `device_bytes` is the memory that tiles may be fitted into. Raises SpecError with the field of each mistake.
    """
    work = _Work.of(card, tuple(layer.name for layer in _layers(spec, card)), spec)
    full_width, full_height = _output_size(spec, width, height)
    _check_size(full_width, full_height, card.name, work.min_size)
    reason = misfit(spec.output, full_width, full_height)
    if reason is not None:
        raise SpecError([Problem("output.format", reason)])
    return _plan(
        card.name,
        work,
        full_width,
        full_height,
        spec.octaves.count,
        spec.octaves.scale,
        spec.iterations,
        (spec.tiling.tile, tile_limit, device_bytes),
    )


def estimate_seconds(plan: Plan, flops_per_second: float) -> float:
    """Seconds that a plan takes on a worker of that speed."""
    return plan.flops / flops_per_second


@dataclass(frozen=True)
class _Work:
    """What the layers of a job cost."""

    reach: Reach
    #: Smallest side of a picture that the network takes, and of a window in which all layers have a cell, in pixels.
    min_size: int
    min_window: int
    macs_per_pixel: float
    floats_per_pixel: float
    two_passes: bool
    pictures: int
    roll: bool

    @classmethod
    def of(cls, card: Card, layers: tuple[str, ...], spec: DreamSpec | StyleSpec) -> _Work:
        dream = isinstance(spec, DreamSpec)
        return _work(card, layers, dream, spec.tiling.mode == "roll")


@lru_cache(maxsize=4096)
def _work(card: Card, names: tuple[str, ...], dream: bool, roll: bool) -> _Work:
    layers = [card.find_layer(name) for name in names]
    min_window = max(layer.min_size for layer in layers)
    return _Work(
        reach=reach_of(layers),
        min_size=max(card.min_size, min_window),
        min_window=min_window,
        macs_per_pixel=max(layer.macs_per_pixel for layer in layers),
        floats_per_pixel=max(layer.floats_per_pixel for layer in layers),
        two_passes=not dream,
        pictures=DREAM_PICTURES if dream else STYLE_PICTURES,
        roll=roll,
    )


def _layers(spec: DreamSpec | StyleSpec, card: Card) -> list[Layer]:
    """The layers a job uses. Raises SpecError for all that the network does not have, and for jobs without a goal."""
    problems: list[Problem] = []
    found: list[Layer] = []
    if isinstance(spec, DreamSpec):
        wanted = [(f"objective.{i}", term.layer, term.channel) for i, term in enumerate(spec.objective)]
        if not wanted:
            problems.append(Problem("objective", f"preset {spec.preset!r} names no layers of {card.name}: name some"))
        elif all(term.weight == 0 for term in spec.objective):
            problems.append(Problem("objective", "all weights are 0, so there is nothing to maximise"))
    else:
        if spec.tiling.mode == "roll":
            problems.append(Problem("tiling.mode", "style transfers are always exact; roll is for dreams"))
        wanted = [(f"content_layers.{i}", item.layer, None) for i, item in enumerate(spec.content_layers)]
        wanted += [(f"style_layers.{i}", item.layer, None) for i, item in enumerate(spec.style_layers)]
        wanted += [(f"objective.{i}", term.layer, term.channel) for i, term in enumerate(spec.objective)]
    for field, name, channel in wanted:
        try:
            layer = card.find_layer(name)
            found.append(layer)
            if channel is not None:
                layer.find_channel(channel)
        except UnknownLayer as error:
            problems.append(Problem(f"{field}.layer", str(error)))
        except UnknownChannel as error:
            problems.append(Problem(f"{field}.channel", str(error)))
    if problems:
        raise SpecError(problems)
    return found


def _output_size(spec: DreamSpec | StyleSpec, width: int | None, height: int | None) -> tuple[int, int]:
    if width is None or height is None:
        edge, aspect = spec.size.long_edge or NOISE_LONG_EDGE, spec.size.aspect
        return (edge, max(1, round(edge / aspect))) if aspect >= 1 else (max(1, round(edge * aspect)), edge)
    if spec.size.long_edge is None:
        return width, height
    factor = spec.size.long_edge / max(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))


def _check_size(width: int, height: int, model: str, min_size: int) -> None:
    if min(width, height) < min_size:
        enough = math.ceil(min_size * max(width, height) / min(width, height))
        message = (
            f"the picture would be {width} × {height} pixels, and {model} needs {min_size} on the shorter "
            f"side: ask for a long edge of at least {enough}"
        )
        raise SpecError([Problem("size.long_edge", message)])


@lru_cache(maxsize=65_536)
def _plan(
    model: str,
    work: _Work,
    width: int,
    height: int,
    count: int,
    scale: float,
    iterations: int,
    limits: tuple[int | None, int | None, int | None],
) -> Plan:
    notes: list[str] = []
    sizes = [(round(width / scale**k), round(height / scale**k)) for k in reversed(range(count))]
    sizes = [size for size in sizes[:-1] if min(size) >= work.min_size] + [(width, height)]
    if len(sizes) < count:
        notes.append(
            f"{count} octaves clamped to {len(sizes)}: smaller ones would fall under {model}'s minimum of "
            f"{work.min_size} pixels"
        )
    tile = _tile(work, notes, *limits)
    octaves = tuple(_octave(w, h, iterations, tile, work) for w, h in sizes)
    return Plan(
        octaves=octaves,
        width=width,
        height=height,
        steps=iterations * len(octaves),
        mpit=math.fsum(octave.mpit for octave in octaves),
        flops=math.fsum(_flops(octave, work) for octave in octaves),
        peak_bytes=_peak_bytes(octaves[-1], work),
        stride=work.reach.stride,
        notes=tuple(notes),
    )


def _tile(work: _Work, notes: list[str], wish: int | None, limit: int | None, device_bytes: int | None) -> int:
    reach = work.reach
    chosen = min(LARGEST_CPU_TILE, math.isqrt(int(TILE_FLOPS / (4 * work.macs_per_pixel))))
    # The pieces of `roll` may be little more than half a tile, and each has to hold a cell.
    smallest = max(round_up(2 * work.min_window, reach.stride), 32) if work.roll else reach.smallest_tile
    if device_bytes is not None:
        fitting = math.isqrt(int(device_bytes * DEVICE_SHARE / (work.floats_per_pixel * 4 * ACTIVATION_COPIES)))
        chosen = min(LARGEST_TILE, max(fitting, 1))
    tile = min(chosen if wish is None else wish, limit or LARGEST_TILE * 2) // reach.stride * reach.stride
    if tile < smallest:
        if wish is not None and wish < smallest:
            notes.append(f"tile {wish} enlarged to {smallest}: a tile has to hold the halo of these layers")
        tile = smallest
    return tile


def _octave(width: int, height: int, iterations: int, tile: int, work: _Work) -> OctavePlan:
    stride = work.reach.stride
    canvas_width, canvas_height = round_up(width, stride), round_up(height, stride)
    if work.roll:
        rows, columns = pieces(canvas_height, tile, stride), pieces(canvas_width, tile, stride)
    else:
        rows, columns = cut(canvas_height, tile, work.reach), cut(canvas_width, tile, work.reach)
    return OctavePlan(
        height=height,
        width=width,
        iterations=iterations,
        tile=max(span.stop - span.start for span in rows + columns),
        tiles=len(rows) * len(columns),
        mpit=width * height * iterations / 1e6,
        canvas_height=canvas_height,
        canvas_width=canvas_width,
        rows=rows,
        columns=columns,
    )


def _flops(octave: OctavePlan, work: _Work) -> float:
    """Two per multiply-add; a gradient costs as much as the values, and statistics first need the values alone."""
    seen = sum(s.stop - s.start for s in octave.rows) * sum(s.stop - s.start for s in octave.columns)
    passes = 3 if work.two_passes and octave.tiles > 1 else 2
    return 2.0 * work.macs_per_pixel * seen * passes * octave.iterations


def _peak_bytes(octave: OctavePlan, work: _Work) -> int:
    tile = (octave.rows[0].stop - octave.rows[0].start) * (octave.columns[0].stop - octave.columns[0].start)
    device = tile * work.floats_per_pixel * 4 * ACTIVATION_COPIES
    return int(device + octave.canvas_height * octave.canvas_width * 12 * work.pictures)
