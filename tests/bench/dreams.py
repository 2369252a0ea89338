"""Dreams on inception5h's true topology, with random weights: an octave step against the ways that others compute it.

An octave step is one iteration on 2048² pixels: the gradient of the mean square of mixed4c, divided by its mean absolute
value, added to the picture. Compared are

- TF1: as the tutorials of 2015 do it, and most that came after. The frozen graph in a session with default threads, the
  picture rolled at random, one `session.run` per tile of 512 pixels, everything else in NumPy;
- PyTorch: the same tiles, channels last, all cores, gradients by the input only;
- dreamfarm: exact tiles as the planner cuts them, fast ones, and independent ones of 512 pixels on a rolled picture,
  which is the very work that the others do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import machine
from tests.bench.figures import Figure
from tests.bench.pictures import STEP, picture
from tests.bench.side_by_side import KEPT_MEMORY, Actions, Contestant, in_turns

SIDE, TILE, LAYER = 2048, 512, "mixed4c"
#: How often float32 and its rivals are measured, and how often the half precisions.
ROUNDS, HALF_ROUNDS = 3, 2
PRECISIONS = ("float32", "mixed", "bfloat16")
#: Kinds of tiles, as specifications have them.
TILINGS: dict[str, dict[str, Any]] = {
    "exact": {"mode": "exact"},
    "fast": {"mode": "fast"},
    "roll": {"mode": "roll", "tile": TILE},
}
#: How many times as fast as TF1 an octave step is to be, on the same tiles, and as PyTorch.
OVER_TF1 = {"float32": 1.7, "mixed": 2.0, "bfloat16": 2.6}
OVER_TORCH = 1.35
#: Share of the machine's limit, with one process per core.
OF_LIMIT = 0.8
#: Side of the picture that gradients are compared on, and of its exact tiles, which are smaller so that there are some.
SMALL, SMALL_TILE = 1024, 768
HAS_TORCH = find_spec("torch") is not None
NO_TORCH = "PyTorch is not installed, so there is no comparison with it: .venv/bin/pip install torch==2.13.0"


def figures(folder: Path) -> Iterator[Figure | str]:
    """Steps, their agreement, and how near to the limit they are."""
    from_file = folder / "tensorflow_inception_graph.pb"
    with ExitStack() as stack:
        rivals = {"TF1": stack.enter_context(Contestant(tf1, from_file))}
        if HAS_TORCH:
            rivals["PyTorch"] = stack.enter_context(Contestant(torch, environment=KEPT_MEMORY))
        ours = stack.enter_context(Contestant(dreamfarm))
        yield from _agreement(rivals, ours)
        yield from _steps(rivals, ours)
    if not HAS_TORCH:
        yield NO_TORCH
    yield from _of_limit()


def _steps(rivals: Mapping[str, Contestant], ours: Contestant) -> Iterator[Figure | str]:
    """The step of everyone, in turns; the gradients that were compared before have warmed them up."""
    for precision in PRECISIONS:
        for tiling in TILINGS:
            ours.ask(f"ready {tiling} {precision}")
    yield machine.instructions()
    yield from _faster(rivals, ours, PRECISIONS[:1], ROUNDS)
    yield from _faster({"TF1": rivals["TF1"]}, ours, PRECISIONS[1:], HALF_ROUNDS)


def _faster(
    rivals: Mapping[str, Contestant], ours: Contestant, precisions: Sequence[str], rounds: int
) -> Iterator[Figure]:
    """Our steps in these precisions against the rivals'."""
    calls = {name: partial(rival.seconds, "step") for name, rival in rivals.items()}
    calls |= {
        f"{tiling} {precision}": partial(ours.seconds, f"step {tiling} {precision}")
        for precision in precisions
        for tiling in TILINGS
    }
    seconds = in_turns(calls, rounds, warm=True)
    for precision in precisions:
        for name in rivals:
            promise = {"TF1": OVER_TF1.get(precision), "PyTorch": OVER_TORCH}[name]
            ratio = seconds[name] / seconds[f"roll {precision}"]
            yield Figure(f"{precision}, times as fast as {name} on the same tiles", ratio, "×", promise, "at least")
            for tiling in ("exact", "fast"):
                ratio = seconds[name] / seconds[f"{tiling} {precision}"]
                yield Figure(f"{precision} in {tiling} tiles, times as fast as {name} in independent ones", ratio, "×")
    for name, value in seconds.items():
        work = ours.ask(f"operations {'roll' if name in rivals else name.split()[0]}")
        yield Figure(f"an octave step of {SIDE}², {name}", value, "s")
        yield Figure("  convolutions of values and gradient, halos included", work / value / 1e9, "GF/s")


def _agreement(rivals: Mapping[str, Contestant], ours: Contestant) -> Iterator[Figure | str]:
    """Each gradient against ours in float32 on the whole picture."""
    yield f"gradients of {SMALL}² by {LAYER}, each divided by its mean, against float32 on the whole picture"
    whole = ours.ask("gradient whole float32")
    found: dict[str, Callable[[], Any]] = {}
    for name, rival in rivals.items():
        found[f"{name}, whole"] = partial(rival.ask, "gradient whole")
        found[f"{name}, independent tiles"] = partial(rival.ask, "gradient")
    for precision in PRECISIONS:
        for tiling in ("whole", *TILINGS):
            if (tiling, precision) != ("whole", "float32"):
                found[f"{precision}, {tiling}"] = partial(ours.ask, f"gradient {tiling} {precision}")
    for name, gradient in found.items():
        yield from _compared(name, gradient(), whole)
    bundled = ours.ask("gradient motifnet float32")
    for precision in PRECISIONS[1:]:
        yield from _compared(f"{precision}, motifnet, whole", ours.ask(f"gradient motifnet {precision}"), bundled)


def _compared(name: str, gradient: Any, expected: Any) -> Iterator[Figure]:
    # Steps divide by the mean, too: what is a mean over tiles here and over the picture there does not matter.
    a, b = (g.astype(np.float64).ravel() / np.abs(g).mean(dtype=np.float64) for g in (gradient, expected))
    yield Figure(f"{name}: mean relative error", float(np.abs(a - b).mean()), "")
    yield Figure(f"{name}: 1 − cosine", float(1 - a @ b / np.sqrt((a @ a) * (b @ b))), "")


def _of_limit() -> Iterator[Figure]:
    """Workers of one thread, one on each core, against convolutions in the same processes."""
    with ExitStack() as stack:
        workers = machine.pinned(stack, single)
        work = {tiling: workers[0].ask(f"operations {tiling}") for tiling in ("exact", "roll")}
        calls: dict[str, Callable[[], float]] = {"limit": lambda: machine.limit_of(workers, "float32")}
        for tiling, operations in work.items():
            calls[tiling] = partial(machine.rate_of, workers, f"step {tiling} float32", operations)
        rates = in_turns(calls, HALF_ROUNDS)
    for tiling, promise in (("exact", OF_LIMIT), ("roll", None)):
        share = rates[tiling] / rates["limit"]
        name = f"float32 in {tiling} tiles, one process per core, of the limit"
        yield Figure(name, 100 * share, "%", promise and 100 * promise, "at least")
    yield Figure("the limit, convolutions in the same processes", rates["limit"] / 1e9, "GF/s")
    for tiling in work:
        yield Figure(f"octave steps, {tiling} float32, one process per core", rates[tiling] / 1e9, "GF/s")


def dreamfarm() -> Actions:
    """Our own: `step`, `operations` and `gradient` by tiling and precision. With as many threads as there are cores."""
    from tests.topologies import inception5h
    from worker.networks import load, prepare_tensorflow

    prepare_tensorflow()
    return _Ours(inception5h()).actions | {
        f"gradient motifnet {precision}": partial(_bundled, load("motifnet", folder=Path("unused")), precision)
        for precision in PRECISIONS
    }


def single() -> Actions:
    """A worker with one thread, and convolutions in the same process."""
    from tests.topologies import inception5h

    return {**_Ours(inception5h()).actions, **machine.convolutions()}


@dataclass(frozen=True, eq=False)
class _Ours:
    network: Any

    @property
    def actions(self) -> dict[str, Callable[[], Any]]:
        """What can be asked."""
        found: dict[str, Callable[[], Any]] = {}
        for tiling in TILINGS:
            found[f"operations {tiling}"] = partial(self.operations, tiling)
            for precision in PRECISIONS:
                found[f"ready {tiling} {precision}"] = partial(self.ready, tiling, precision)
                found[f"step {tiling} {precision}"] = partial(self.step, tiling, precision)
        for precision in PRECISIONS:
            for tiling in ("whole", *TILINGS):
                found[f"gradient {tiling} {precision}"] = partial(self.gradient, tiling, precision)
        return found

    def ready(self, tiling: str, precision: str) -> None:
        """All that comes before the first step."""
        self._rendering(tiling, precision)

    def step(self, tiling: str, precision: str) -> None:
        """One octave step."""
        self._rendering(tiling, precision).advance(lambda: None)

    @cache  # noqa: B019 - lives as long as the process
    def _rendering(self, tiling: str, precision: str) -> Any:
        from tests.bench.renderings import octave_step, rendering

        return rendering(
            self.network, octave_step(LAYER, TILINGS[tiling], precision), {"input": picture("lake", SIDE, SIDE)}
        )

    def operations(self, tiling: str) -> float:
        """Operations of a step's convolutions."""
        from tests.bench.work import GRADIENT, multiply_adds

        return GRADIENT * multiply_adds(self.network, (LAYER,), self._canvas(TILINGS[tiling], SIDE))

    def gradient(self, tiling: str, precision: str) -> Any:
        """The gradient (SMALL, SMALL, 3) of the mean square."""
        from tests.bench.renderings import one_tile

        if tiling == "whole":
            return _gradient(self.network, precision, one_tile(SMALL), SMALL)
        fields = TILINGS[tiling] if tiling == "roll" else {**TILINGS[tiling], "tile": SMALL_TILE}
        return _gradient(self.network, precision, self._canvas(fields, SMALL), SMALL)

    def _canvas(self, tiling: Mapping[str, Any], side: int) -> Any:
        from tests.bench.renderings import octave_step, planned
        from worker.render.tiles import Canvas

        return Canvas.of(planned(self.network, octave_step(LAYER, tiling), side, side)[1].octaves[0])


def _bundled(network: Any, precision: str) -> Any:
    from tests.bench.renderings import one_tile

    return _gradient(network, precision, one_tile(TILE), TILE)


def _gradient(network: Any, precision: Any, canvas: Any, side: int) -> Any:
    from worker.networks.arithmetic import Arithmetic
    from worker.render.gradients import Engine, program
    from worker.render.objectives import Statistic, WeightedSum

    objective = WeightedSum((Statistic(LAYER, "squares"),))
    engine = Engine(program(network.variant(Arithmetic(precision), network.device), objective), canvas)
    weight = 1 / network.graph.channels(LAYER)
    return engine.gradient(picture("lake", side, side), [weight], [None], lambda: None)[1]


def tf1(file: Path) -> Actions:
    """The way of 2015: `step`, and `gradient` in tiles and `gradient whole`."""
    import tensorflow as tf

    from tests.topologies import write_inception5h

    write_inception5h(file)
    compat = tf.compat.v1
    definition = compat.GraphDef.FromString(file.read_bytes())
    graph = tf.Graph()
    with graph.as_default():
        pixels = compat.placeholder(np.float32, name="pixels")
        compat.import_graph_def(definition, {"input": tf.expand_dims(pixels - 117.0, 0)}, name="net")
        score = tf.reduce_mean(tf.square(graph.get_tensor_by_name(f"net/{LAYER}:0")))
        by_pixels = tf.gradients(score, pixels)[0]
    session = compat.Session(graph=graph)
    return tiled(lambda window: session.run(by_pixels, {pixels: window}))


def tiled(gradient: Callable[[Any], Any]) -> Actions:
    """Steps from the gradient of the mean over a tile, as the tutorials make them."""

    def assembled(image: Any, tile: int) -> Any:
        total = np.zeros_like(image)
        for top in range(0, image.shape[0], tile):
            for left in range(0, image.shape[1], tile):
                place = slice(top, top + tile), slice(left, left + tile)
                total[place] = gradient(image[place])
        return total

    image, draw = picture("lake", SIDE, SIDE), np.random.default_rng(0)

    def step() -> None:
        down, right = draw.integers(TILE, size=2)
        found = np.roll(assembled(np.roll(image, (down, right), (0, 1)), TILE), (-down, -right), (0, 1))
        image[:] += found * (STEP / (np.abs(found).mean() + 1e-7))

    small = partial(picture, "lake", SMALL, SMALL)
    return {
        "step": step,
        "gradient": lambda: assembled(small(), TILE),
        "gradient whole": lambda: assembled(small(), SMALL),
    }


def torch() -> Actions:
    """The same in PyTorch."""
    from tests.bench.in_torch import Torch
    from tests.topologies import inception5h
    from worker.networks import cores

    network = Torch(inception5h(), (LAYER,), cores())
    return tiled(lambda window: network.gradient(window, lambda found: found[LAYER].square().mean()))
