"""What exact tiling costs: the gradient of a large picture in tiles, against the untiled work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure
from tests.bench.pictures import picture
from tests.bench.side_by_side import Actions, Contestant, in_turns

#: Side of the pictures that exact tiling is measured on; what is to be paid for it; and the side of a picture that is
#: rendered whole.
LARGE = 4096
WHOLE: dict[tuple[str, str], tuple[float, int]] = {
    ("inception5h", "mixed4c"): (1.45, 1024),
    ("vgg19", "block5_conv1"): (1.25, 768),
}


def figures(_folder: Path) -> Iterator[Figure | str]:
    """Work and time, by network and layer."""
    with Contestant(exact_tiling) as process:
        for network, layer in WHOLE:
            yield from _exact_tiling(process, network, layer)


def _exact_tiling(process: Contestant, network: str, layer: str) -> Iterator[Figure]:
    promise, side = WHOLE[network, layer]
    name = f"exact tiles of {LARGE}², {network} {layer}"
    work = {kind: process.ask(f"{network} {layer} {kind} operations") for kind in ("tiles", "sample", "whole")}
    seconds = in_turns(
        {kind: partial(process.seconds, f"{network} {layer} {kind}") for kind in ("sample", "whole")}, rounds=1
    )
    # Operations per pixel without any tiles are the same for each size.
    plain = work["whole"] / process.ask(f"{network} {layer} whole pixels")
    ratio = work["tiles"] / (plain * LARGE**2)
    speed = (work["whole"] / seconds["whole"]) / (work["sample"] / seconds["sample"])
    yield Figure(f"{name}: work, of the untiled", ratio, "×", promise)
    yield Figure(f"{name}: time, of the untiled", ratio * speed, "×", promise)
    tiles = process.ask(f"{network} {layer} tile")
    yield Figure(f"  estimated from those on the diagonal of {tiles}", seconds["sample"], "s")
    yield Figure(f"  and from pictures of {side}², one on each core", seconds["whole"], "s")


def exact_tiling() -> Actions:
    """By network and layer, a gradient by some of the tiles of LARGE² pixels, and by whole pictures, one on each core."""
    from tests import topologies
    from worker.networks import prepare_tensorflow

    prepare_tensorflow()
    found: dict[str, Callable[[], Any]] = {}
    actions = ("tiles operations", "sample operations", "whole operations", "whole pixels", "tile", "sample", "whole")
    for (name, layer), (_, side) in WHOLE.items():
        make = cache(getattr(topologies, name))
        for action in actions:
            found[f"{name} {layer} {action}"] = partial(_tiled, make, layer, side, action)
    return found


def _tiled(make: Callable[[], Any], layer: str, side: int, action: str) -> Any:
    from tests.bench.renderings import octave_step, one_tile, planned
    from tests.bench.work import GRADIENT, multiply_adds
    from worker.render.crew import crew
    from worker.render.gradients import Engine, program
    from worker.render.objectives import Statistic, WeightedSum
    from worker.render.tiles import Canvas

    network, parallel = make(), crew().parallel
    octave = planned(network, octave_step(layer, {"mode": "exact"}), LARGE, LARGE)[1].octaves[0]
    tiles, whole = Canvas.of(octave), one_tile(side)
    diagonal = list(zip(tiles.rows, tiles.columns, strict=True))
    canvases = {
        "tiles": tiles,
        # As many as keep all cores busy to the end.
        "sample": some(tiles, diagonal[: max(len(diagonal) // parallel, 1) * parallel]),
        "whole": some(whole, whole.tiles * parallel),
    }
    kind, _, what = action.partition(" ")
    if kind == "tile":
        return f"{len(tiles.tiles)} tiles of {octave.tile}²"
    canvas = canvases[kind]
    match what:
        case "operations":
            return GRADIENT * multiply_adds(network, (layer,), canvas)
        case "pixels":
            return side * side * parallel
        case _:
            engine = Engine(program(network, WeightedSum((Statistic(layer, "squares"),))), canvas)
            engine.gradient(picture("lake", canvas.height, canvas.width), [1.0], [None], lambda: None)
            return None


def some(canvas: Any, tiles: Any) -> Any:
    """A canvas of which only some tiles are rendered."""
    from worker.render.tiles import Canvas

    class Some(Canvas):
        """A canvas with tiles of its own choice."""

        @property
        def tiles(self) -> Any:
            """The chosen ones."""
            return tiles

    return Some(canvas.rows, canvas.columns)
