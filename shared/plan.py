"""The planner: octaves and tiles, and what they cost. Arithmetic over a job's specification and a network's card.

The renderer follows the plan to the letter, so what people are told before a job is queued is what is rendered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from shared.bounds import Bounds, check_borders, check_size, smallest_within_borders
from shared.cards import Card, Layer, UnknownChannel, UnknownLayer
from shared.pictures import misfit
from shared.problems import Problem, SpecError
from shared.specs import DreamSpec, StyleSpec
from shared.tiles import Cut, Cutting, Reach, Span, reach_of, round_up
from shared.work import ACTIVATION_COPIES, Work, flops, peak_bytes

#: Long edge in pixels of a dream from noise that names no size.
NOISE_LONG_EDGE = 512
#: Operations of one tile's gradient on a CPU. Smaller tiles pay more for their halo; larger ones save little, and
#: take memory.
TILE_FLOPS = 2e12
#: Largest tile side on a CPU: a larger one saves little, and its activations take gigabytes.
LARGEST_CPU_TILE = 2048
#: Largest tile side that is chosen for a device with much memory: beyond it the halo costs under a fifth.
LARGEST_TILE = 4096
#: Pixels that a style's picture may be measured at, in sizes of the octave, and in any case: styles are as long as the
#: octave, so that a square one beside a panorama would grow with the square of its length.
STYLE_AREA, STYLE_PIXELS = 2.5, 1_000_000


@dataclass(frozen=True)
class Machine:
    """What tiles are rendered on. The defaults are those of a small machine, for plans that no worker makes."""

    #: Tiles that are rendered at once: two share a CPU's cores, GPUs take one each.
    parallel: int = 2
    gpu: bool = False
    #: Memory that one of these tiles' activations may take; None where it is not known.
    tile_bytes: int | None = None
    #: Memory in which the activations of all tiles of a style transfer may be kept, so that none is computed twice.
    kept_bytes: int = 2 * 2**30
    #: Memory that a job may take in all before the system ends its process; None where too much is told, as by GPUs, or
    #: where it is not known.
    memory: int | None = None


@dataclass(frozen=True, slots=True)
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
    cutting: Cutting
    #: Whether all tiles' activations fit into memory at once, so that nothing is computed twice.
    keep: bool = False

    @property
    def rows(self) -> tuple[Span, ...]:
        """The tiles from top to bottom; made anew each time."""
        return self.cutting.spans(self.canvas_height)

    @property
    def columns(self) -> tuple[Span, ...]:
        """The tiles from left to right; made anew each time."""
        return self.cutting.spans(self.canvas_width)

    @property
    def cut(self) -> Cut:
        """How it is cut, in the least words that cut it so again."""
        return Cut(min(self.cutting.tile, max(self.canvas_height, self.canvas_width)), self.keep)

    @property
    def style_pixels(self) -> int:
        """Pixels that a style's picture may be measured at."""
        return max(int(STYLE_AREA * self.height * self.width), STYLE_PIXELS)

    @property
    def seen(self) -> int:
        """Pixels that the tiles see; those that several see count as often."""
        return self.cutting.seen(self.canvas_height) * self.cutting.seen(self.canvas_width)


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
    #: Tiles that the plan is made for to be rendered at once.
    parallel: int
    #: Pixels that tiles see before and after what they own; none where they are independent.
    halo: tuple[int, int]
    #: Sentences for people about what was changed to make the job renderable.
    notes: tuple[str, ...]


def plan(
    spec: DreamSpec | StyleSpec,
    *,
    card: Card,
    width: int | None,
    height: int | None,
    tile_limit: int | None = None,
    bounds: Bounds | None = None,
    machine: Machine = Machine(),
    cuts: tuple[Cut, ...] = (),
) -> Plan:
    """The plan of a job whose input or content picture measures `width` × `height` (None: it starts from noise).

    `tile_limit` bounds the tile side whatever the specification asks for (a device that ran out of memory).
    `bounds` are those of new jobs; without, whatever was taken before is planned again. `cuts` are those of another
    plan's octaves, to be rendered again to the bit; without one for each octave, the planner chooses.
    Raises SpecError with the field of each mistake.
    """
    work = Work.of(card, tuple(layer.name for layer in _layers(spec, card)), spec)
    full_width, full_height = _output_size(spec, width, height)
    if bounds is not None:
        bounds.check_output(full_width, full_height)
    proportions = (spec.size.aspect, 1.0) if width is None or height is None else (width, height)
    check_size((full_width, full_height), proportions, card.name, work.min_size)
    check_borders(spec, card, full_width, full_height)
    reason = misfit(spec.output, full_width, full_height)
    if reason is not None:
        raise SpecError([Problem("output.format", reason)])
    found = _plan(
        card.name,
        replace(work, min_size=max(work.min_size, smallest_within_borders(spec, card))),
        full_width,
        full_height,
        spec.octaves.count,
        spec.octaves.scale,
        spec.iterations,
        (spec.tiling.tile, tile_limit),
        machine,
        cuts,
    )
    if bounds is not None and spec.tiling.tile is not None:
        last = found.octaves[-1]
        bounds.check_tiles(last.cutting, last.canvas_width, last.canvas_height)
    return found


def reaches(spec: DreamSpec | StyleSpec, card: Card) -> tuple[tuple[str, ...], Reach, Reach]:
    """The layers that a job uses, what exact tiles need for them, and what the job's tiles get. Raises SpecError."""
    layers = _layers(spec, card)
    names = tuple(dict.fromkeys(layer.name for layer in layers))
    return names, reach_of(layers), Work.of(card, names, spec).reach


def estimate_seconds(plan: Plan, flops_per_second: float) -> float:
    """Seconds that a plan takes on a worker of that speed."""
    return plan.flops / flops_per_second


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
        problems += [
            Problem(field, f"preset {spec.preset!r} names no {what} layers of {card.name}: name some")
            for field, what in (("content_layers", "content"), ("style_layers", "style"))
            if not getattr(spec, field)
        ]
        goals = (spec.content_weight, spec.style_weight, spec.tv_weight, *(term.weight for term in spec.objective))
        if not any(goals):
            problems.append(Problem("style_weight", "all weights are 0, so there is nothing to work towards"))
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


@lru_cache(maxsize=1024)
def _plan(
    model: str,
    work: Work,
    width: int,
    height: int,
    count: int,
    scale: float,
    iterations: int,
    limits: tuple[int | None, int | None],
    machine: Machine,
    cuts: tuple[Cut, ...],
) -> Plan:
    notes: list[str] = []
    sizes = [(round(width / scale**k), round(height / scale**k)) for k in reversed(range(count))]
    sizes = [size for size in sizes[:-1] if min(size) >= work.min_size] + [(width, height)]
    if len(sizes) < count:
        notes.append(
            f"{count} octaves clamped to {len(sizes)}: smaller ones would fall under {model}'s minimum of "
            f"{work.min_size} pixels"
        )
    tile = _tile(work, notes, machine, *limits)
    # A tile that is alone has the memory of all.
    alone = _tile(work, [], machine, *limits, alone=True)
    if limits[1] is not None:
        # Who bounds tiles is short of memory: what is kept of all of them would be more than ever.
        machine = replace(machine, kept_bytes=0)
    octaves = tuple(_octave(w, h, iterations, alone if max(w, h) <= alone else tile, work, machine) for w, h in sizes)
    if len(cuts) == len(octaves):
        pairs = zip(octaves, cuts, strict=True)
        octaves = tuple(_as_cut(octave, cut, work, machine, limits[1]) for octave, cut in pairs)
    fitting = tuple(_fitted(octave, work, machine) for octave in octaves)
    if fitting != octaves and limits[0] is not None:
        notes.append(f"tile {limits[0]} made {fitting[-1].tile}: there is no more memory than for that")
    octaves = fitting
    return Plan(
        octaves=octaves,
        width=width,
        height=height,
        steps=iterations * len(octaves),
        mpit=math.fsum(octave.mpit for octave in octaves),
        flops=math.fsum(flops(octave, work) for octave in octaves),
        peak_bytes=peak_bytes(octaves[-1], work, machine.parallel),
        stride=work.reach.stride,
        parallel=machine.parallel,
        halo=(0, 0) if work.roll else (work.reach.halo_left, work.reach.halo_right),
        notes=tuple(notes),
    )


def _tile(
    work: Work, notes: list[str], machine: Machine, wish: int | None, limit: int | None, *, alone: bool = False
) -> int:
    """The longest side of tiles, `alone` or as many at once as the machine renders."""
    reach = work.reach
    chosen = LARGEST_TILE
    if not machine.gpu or machine.tile_bytes is None:
        # Layers before the first convolution have no multiply-adds to speak of.
        chosen = min(LARGEST_CPU_TILE, math.isqrt(int(TILE_FLOPS / (4 * max(work.macs_per_pixel, 1.0)))))
    smallest = work.smallest_tile
    if machine.tile_bytes is not None:
        memory = machine.tile_bytes * (machine.parallel if alone and not machine.gpu else 1)
        # A picture has three colours, whatever is left of them behind a large pool.
        fitting = math.isqrt(int(memory / (max(work.floats_per_pixel, 3.0) * 4 * ACTIVATION_COPIES)))
        chosen = min(chosen, max(fitting, 1))
    tile = min(chosen if wish is None else wish, limit or LARGEST_TILE * 2) // reach.stride * reach.stride
    if tile < smallest:
        if wish is not None and wish < smallest:
            notes.append(f"tile {wish} enlarged to {smallest}: a tile has to hold the halo of these layers")
        tile = smallest
    return tile


def _octave(width: int, height: int, iterations: int, tile: int, work: Work, machine: Machine) -> OctavePlan:
    stride = work.reach.stride
    canvas_width, canvas_height = round_up(width, stride), round_up(height, stride)
    cutting = Cutting(tile, work.reach, independent=work.roll)
    (rows, longest_row), (columns, longest_column) = cutting.counted(canvas_height), cutting.counted(canvas_width)
    octave = OctavePlan(
        height=height,
        width=width,
        iterations=iterations,
        tile=max(longest_row, longest_column),
        tiles=rows * columns,
        mpit=width * height * iterations / 1e6,
        canvas_height=canvas_height,
        canvas_width=canvas_width,
        cutting=cutting,
    )
    activations = octave.seen * work.floats_per_pixel * 4 * ACTIVATION_COPIES
    return replace(octave, keep=work.measured > 0 and activations <= machine.kept_bytes)


def _fitted(octave: OctavePlan, work: Work, machine: Machine) -> OctavePlan:
    """The octave in tiles that the machine's memory holds, even if they see more of others than they own.

    As it is, where its picture alone does not fit.
    """
    reach, least = work.reach, work.smallest_tile
    if not work.roll:
        least = min(least, reach.halo_left + reach.halo_right + reach.stride)
    found = octave
    while machine.memory is not None and peak_bytes(found, work, machine.parallel) > machine.memory:
        tile = found.cut.tile * 3 // 4 // reach.stride * reach.stride
        if tile < least:
            return octave
        found = replace(_octave(octave.width, octave.height, octave.iterations, tile, work, machine), keep=False)
    return found


def _as_cut(octave: OctavePlan, cut: Cut, work: Work, machine: Machine, limit: int | None) -> OctavePlan:
    """The octave, cut as another plan's was; as it is where tiles may not be as long any more."""
    if limit is not None and cut.tile > limit:
        return octave
    tile = max(cut.tile, work.smallest_tile)
    return replace(_octave(octave.width, octave.height, octave.iterations, tile, work, machine), keep=cut.keep)
