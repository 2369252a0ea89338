"""Rendering: seconds for what people ask for, and the gradient against the plain way of computing it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shared.cards import card
from shared.plan import plan
from shared.specs import SPEC
from shared.tiles import cut, reach_of
from tests.bench.figures import Figure
from tests.bench.pictures import picture
from tests.bench.side_by_side import Actions, Contestant, timed
from worker.networks import import_tensorflow, load

ASSET = "sha256:" + "0" * 64
REPEATS = 12


def figures(folder: Path) -> Iterator[Figure]:
    """Loading, gradients, tiles and whole jobs, on motifnet."""
    with Contestant(newly_started) as process:
        imported, loaded, stepped = process.ask("first step")
    yield Figure("importing TensorFlow, in a new process", imported, "s")
    yield Figure("loading motifnet", loaded, "s", promise=1.0)
    yield Figure("these, and the first step of a dream of 512²", imported + loaded + stepped, "s", promise=4.0)
    network = load("motifnet", folder=folder)
    yield from _gradients(network)
    yield from _tiles(network)
    yield from _jobs(network)
    yield from _plans()


def newly_started() -> Actions:
    """`first step`: the seconds that TensorFlow's import, loading the network and the first step of a dream take."""

    def first_step() -> tuple[float, float, float]:
        imported = timed(import_tensorflow)
        started = time.perf_counter()
        network = load("motifnet", folder=Path("unused"))
        loaded = time.perf_counter() - started
        return imported, loaded, timed(lambda: step(network))

    def step(network: Any) -> None:
        from tests.bench.renderings import never, rendering

        fields = {"kind": "dream", "input": ASSET, "octaves": {"count": 1}}
        rendering(network, fields, {"input": picture("lake", 512, 512)}).advance(never)

    return {"first step": first_step}


def _gradients(network: Any) -> Iterator[Figure]:
    """One gradient of 512² pixels to mixed4c: the renderer's, and the plain network's under tf.function."""
    import tensorflow as tf

    from tests.reference.motifnet import motifnet

    engine = _engine(network, 512, 512)
    lake = picture("lake", 512, 512)

    @tf.function(autograph=False)
    def plain(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = tf.reduce_sum(motifnet(x)["mixed4c"] ** 2)
        return tape.gradient(score, x)

    ours, theirs = _seconds(
        lambda: engine.gradient(lake, [1.0], [None], lambda: None), lambda: plain(tf.constant(lake[None]))
    )
    flops = 4 * card("motifnet").find_layer("mixed4c").macs_per_pixel * 512 * 512
    yield Figure("a gradient of 512² to mixed4c", ours * 1e3, "ms")
    yield Figure("the same, in operations per second", flops / ours / 1e9, "GF/s")
    yield Figure("as fast as the plain way, in the same run", theirs / ours, "×", promise=1.0, sense="at least")


def _tiles(network: Any) -> Iterator[Figure]:
    """The gradient of 1024² pixels in tiles of 512 against the whole."""
    dusk = picture("dusk", 1024, 1024)
    whole, tiled = (_engine(network, 1024, tile) for tile in (1024, 512))
    found, expected = (e.gradient(dusk, [1.0], [None], lambda: None)[1] for e in (tiled, whole))
    error = float(np.abs(found - expected).mean() / np.abs(expected).mean())
    yield Figure("mean relative error of tiles of 512 in 1024²", error, "", promise=1e-5)
    costs = _seconds(*(lambda e=e: e.gradient(dusk, [1.0], [None], lambda: None) for e in (tiled, whole)))
    yield Figure("their cost against the whole", costs[0] / costs[1], "×")


def _jobs(network: Any) -> Iterator[Figure]:
    """Whole jobs on the bundled pictures."""
    dream = {"kind": "dream", "input": ASSET, "objective": [{"layer": "mixed4c"}], "iterations": 10}
    style = {"kind": "style", "content": ASSET, "styles": [{"asset": ASSET}]}
    lake, swirls = picture("lake", 341, 512), picture("swirls", 320, 384)
    yield _job(network, "deepdream, 512 pixels, 4 octaves × 10 iterations", dream, {"input": lake}, 10.0)
    garden = dream | {"preset": "garden"}
    yield _job(network, "garden, 512 pixels, 4 octaves × 10 iterations", garden, {"input": lake}, None)
    pictures = {"content": picture("lake", 256, 384), "styles.0.asset": swirls}
    yield _job(network, "gatys, 384 pixels, 3 octaves × 80 iterations", style, pictures, 30.0)


def _job(
    network: Any, name: str, fields: Mapping[str, Any], pictures: Mapping[str, Any], promise: float | None
) -> Figure:
    from worker.render import begin

    spec = SPEC.validate_python(fields)
    height, width = next(iter(pictures.values())).shape[:2]
    planned = plan(spec, card=network.card, width=width, height=height)
    started = time.perf_counter()
    rendering = begin(spec, planned, network, pictures)
    while not rendering.progress.finished:
        rendering.advance(lambda: None)
    rendering.finish()
    return Figure(name, time.perf_counter() - started, "s", promise)


def _plans() -> Iterator[Figure]:
    """Plans of jobs that differ in size."""
    specs = [
        SPEC.validate_python({"kind": "dream", "input": ASSET, "size": {"long_edge": 512 + i % 200}})
        for i in range(10_000)
    ]
    motifnet = card("motifnet")
    started = time.perf_counter()
    for spec in specs:
        plan(spec, card=motifnet, width=640, height=480)
    yield Figure("10,000 plans", time.perf_counter() - started, "s", promise=0.5)


def _engine(network: Any, side: int, tile: int) -> Any:
    from worker.render.gradients import Engine, program
    from worker.render.objectives import Statistic, WeightedSum
    from worker.render.tiles import Canvas

    spans = cut(side, tile, reach_of([network.card.find_layer("mixed4c")]))
    return Engine(program(network, WeightedSum((Statistic("mixed4c", "squares"),))), Canvas(spans, spans))


def _seconds(*calls: Callable[[], object]) -> list[float]:
    """The median of a few runs of each call, taken in turns, so that a busy machine is as busy for all of them."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(REPEATS + 1):
        for call, seconds in zip(calls, times, strict=True):
            started = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - started)
    return [statistics.median(seconds[1:]) for seconds in times]  # the first run compiles
