"""What pictures a job's network and the farm take; refusals say which numbers would do."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from shared.cards import Card
from shared.problems import Problem, SpecError
from shared.specs import MAX_LONG_EDGE, DreamSpec, StyleSpec
from shared.tiles import Cutting


@dataclass(frozen=True)
class Bounds:
    """How large new jobs may be."""

    #: Pixels of an output.
    pixels: int
    #: Tiles of an octave whose tile side was asked for: each costs a millisecond by itself, however small it is.
    tiles: int = 10_000

    def check_output(self, width: int, height: int) -> None:
        """Raises SpecError for an output of too many pixels."""
        if width * height > self.pixels:
            long, short = max(width, height), min(width, height)
            edge = math.isqrt(self.pixels * long // short)
            while edge * round(short * edge / long) > self.pixels:
                edge -= 1
            message = (
                f"the output would be {width} × {height} pixels, {width * height / 1e6:,.1f} megapixels; up to "
                f"{self.pixels / 1e6:,.1f} are taken: ask for a long edge of at most {edge}"
            )
            raise SpecError([Problem("size.long_edge", message)])

    def check_tiles(self, cutting: Cutting, width: int, height: int) -> None:
        """Raises SpecError for a canvas that is cut into too many tiles."""
        tiles, enough = cutting.tiles(width, height), cutting.tile
        if tiles > self.tiles:
            while replace(cutting, tile=enough).tiles(width, height) > self.tiles:
                enough *= 2
            message = (
                f"{width} × {height} pixels would be cut into {tiles:,} tiles of {cutting.tile} pixels; up to "
                f"{self.tiles:,} are taken: ask for a tile of {enough}, or leave it to the planner"
            )
            raise SpecError([Problem("tiling.tile", message)])


def check_size(full: tuple[int, int], proportions: tuple[float, float], model: str, min_size: int) -> None:
    """Raises SpecError for an output (W, H) in which the network has no cell. `proportions` are the picture's own: those
    of a narrow output are rounded."""
    if min(full) >= min_size:
        return
    enough = math.ceil(min_size * max(proportions) / min(proportions))
    needs = f"the picture would be {full[0]} × {full[1]} pixels, and {model} needs {min_size} on the shorter side"
    if enough <= MAX_LONG_EDGE:
        message = f"{needs}: ask for a long edge of at least {enough}"
    else:
        most = MAX_LONG_EDGE // min_size
        message = f"{needs}, too narrow at any size: crop its longer side to at most {most} times the shorter"
    raise SpecError([Problem("size.long_edge", message)])


def check_borders(spec: DreamSpec | StyleSpec, card: Card, width: int, height: int) -> None:
    """Raises SpecError for terms whose border leaves nothing of their layer."""
    problems = []
    for i, term in enumerate(spec.objective):
        layer = card.find_layer(term.layer)
        across, down = ((side - layer.min_size) // layer.stride + 1 for side in (width, height))
        most = (min(across, down) - 1) // 2
        if term.border > most:
            has = f"{layer.name} has {across} × {down} cells of a picture of {width} × {height} pixels"
            problems.append(Problem(f"objective.{i}.border", f"{has}, so that its border may be at most {most}"))
    if problems:
        raise SpecError(problems)


def smallest_within_borders(spec: DreamSpec | StyleSpec, card: Card) -> int:
    """Smallest side of a picture, in pixels, of which a dream's borders leave some cell: there it can change something."""
    if isinstance(spec, StyleSpec):
        return 1  # the style is there as well
    terms = [(card.find_layer(term.layer), term.border) for term in spec.objective if term.weight]
    return min(layer.min_size + 2 * border * layer.stride for layer, border in terms)
