"""Style transfer on VGG19's true topology, with random weights: a Gatys step against PyTorch's, and whole jobs.

A step is one iteration of the paper's loss (style of five layers, content of one) with Adam at one scale. A whole job is
compared with the way of the common examples, in which content and style go through the network at every step, in a batch
with the picture, although what they have to say does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.dreams import HAS_TORCH, NO_TORCH
from tests.bench.figures import Figure
from tests.bench.pictures import picture
from tests.bench.side_by_side import KEPT_MEMORY, Actions, Contestant, in_turns

SIDES = (512, 1024)
ROUNDS = 2
#: Iterations and side of the whole job.
ITERATIONS, JOB_SIDE = 12, 512
#: How many times as fast as PyTorch a step is to be, and as the examples a whole job.
OVER_TORCH, OVER_EXAMPLES = 1.1, 2.5

CONTENT = "block4_conv2"
STYLE = {"block1_conv1": 0.5, "block2_conv1": 1.0, "block3_conv1": 1.5, "block4_conv1": 3.0, "block5_conv1": 4.0}
CONTENT_WEIGHT, STYLE_WEIGHT, RATE = 5.0, 100.0, 2.0
LAYERS = (CONTENT, *STYLE)


def figures(_folder: Path) -> Iterator[Figure | str]:
    """Steps, then whole jobs."""
    with Contestant(dreamfarm) as ours:
        if HAS_TORCH:
            with Contestant(torch, environment=KEPT_MEMORY) as theirs:
                yield from _steps(ours, theirs)
        else:
            yield NO_TORCH
        with Contestant(examples) as theirs:
            yield from _jobs(ours, theirs)


def _steps(ours: Contestant, theirs: Contestant) -> Iterator[Figure | str]:
    for side in SIDES:
        action = f"step {side}"
        seconds = in_turns({who: partial(c.seconds, action) for who, c in _named(ours, theirs).items()}, ROUNDS)
        ratio = seconds["theirs"] / seconds["ours"]
        yield Figure(f"a Gatys step of {side}², times as fast as PyTorch", ratio, "×", OVER_TORCH, "at least")
        yield Figure("  dreamfarm", seconds["ours"], "s")
        yield Figure("  PyTorch", seconds["theirs"], "s")
    yield Figure("  difference of the first losses", _apart(ours, theirs), "")


def _jobs(ours: Contestant, theirs: Contestant) -> Iterator[Figure | str]:
    # A job of one iteration first, so that both have traced and compiled.
    for contestant in (ours, theirs):
        contestant.ask("job 1")
    seconds = {who: contestant.seconds(f"job {ITERATIONS}") for who, contestant in _named(ours, theirs).items()}
    name = f"a style transfer of {JOB_SIDE}², {ITERATIONS} iterations"
    ratio = seconds["theirs"] / seconds["ours"]
    yield Figure(f"{name}, times as fast as the examples", ratio, "×", OVER_EXAMPLES, "at least")
    yield Figure("  dreamfarm, measuring style and content included", seconds["ours"], "s")
    yield Figure("  content and style through the network at every step", seconds["theirs"], "s")
    yield Figure("  difference of the first losses", _apart(ours, theirs), "")


def _named(ours: Contestant, theirs: Contestant) -> dict[str, Contestant]:
    return {"ours": ours, "theirs": theirs}


def _apart(ours: Contestant, theirs: Contestant) -> float:
    """The relative difference of the losses before the first step: both must be doing the same."""
    mine, other = ours.ask("loss"), theirs.ask("loss")
    return float(abs(mine - other) / abs(other))


def dreamfarm() -> Actions:
    """Our own, with as many threads as there are cores."""
    from tests.bench.renderings import ASSET, never, rendering
    from tests.topologies import vgg19
    from worker.networks import prepare_tensorflow

    prepare_tensorflow()
    network = vgg19()
    fields = {
        "kind": "style",
        "content": ASSET,
        "styles": [{"asset": ASSET}],
        "content_layers": [{"layer": CONTENT}],
        "style_layers": [{"layer": layer, "weight": weight} for layer, weight in STYLE.items()],
        "loss": "gatys",
        "content_weight": CONTENT_WEIGHT,
        "style_weight": STYLE_WEIGHT,
        "learning_rate": RATE,
        "noise": 0.0,
        "clip": False,
        "octaves": {"count": 1},
    }

    def begun(side: int, iterations: int) -> Any:
        content, style = _pictures(side)
        return rendering(network, fields | {"iterations": iterations}, {"content": content, "styles.0.asset": style})

    def job(iterations: int) -> None:
        rendered = begun(JOB_SIDE, iterations)
        while not rendered.progress.finished:
            rendered.advance(never)
        rendered.finish()

    stepping = cache(partial(begun, iterations=1000))

    def step(side: int) -> None:
        stepping(side).advance(never)

    def loss() -> float:
        return float(begun(JOB_SIDE, 1).advance(never).score)

    return _actions(step, loss) | {f"job {n}": partial(job, n) for n in (1, ITERATIONS)}


def torch() -> Actions:
    """Steps in PyTorch, style and content measured once."""
    import torch

    from tests.bench.in_torch import Torch
    from tests.topologies import vgg19
    from worker.networks import cores

    network = Torch(vgg19(), LAYERS, cores())

    def gram(layer: Any) -> Any:
        cells = layer.permute(0, 2, 3, 1).reshape(-1, layer.shape[1])
        return cells.T @ cells / len(cells)

    @cache
    def evaluation(side: int) -> tuple[Any, Any, Any]:
        content, style = (network.pixels(p) for p in _pictures(side))
        with torch.no_grad():
            wanted = network.activations(content)[CONTENT].clone()
            styled = network.activations(style)
            grams = {layer: gram(styled[layer]) for layer in STYLE}
        pixels = content.clone().requires_grad_()
        adam = torch.optim.Adam([pixels], lr=RATE)

        def evaluate() -> Any:
            adam.zero_grad(set_to_none=True)
            found = network.activations(pixels)
            total = _loss(found, {layer: gram(found[layer]) for layer in STYLE}, wanted, grams, torch.sum)
            total.backward()
            return total

        return evaluate, adam, pixels

    def step(side: int) -> None:
        evaluate, adam, _ = evaluation(side)
        evaluate()
        adam.step()

    def loss() -> float:
        evaluation.cache_clear()
        return float(evaluation(JOB_SIDE)[0]().detach())

    return _actions(step, loss)


def examples() -> Actions:
    """Content, style and picture in one batch at every step, in TensorFlow with its default threads."""
    import keras
    import tensorflow as tf

    from tests.topologies import vgg19

    network = vgg19()

    def gram(layer: Any) -> Any:
        cells = tf.reshape(layer, (-1, layer.shape[-1]))
        return tf.matmul(cells, cells, transpose_a=True) / tf.cast(tf.shape(cells)[0], tf.float32)

    @tf.function(autograph=False, reduce_retracing=True)
    def evaluate(content: Any, style: Any, image: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(image)
            found = network.activations(tf.stack([content, style, image]), LAYERS)
            wanted = found[CONTENT][0]
            grams = {layer: gram(found[layer][1]) for layer in STYLE}
            ours = {layer: found[layer][2] for layer in LAYERS}
            total = _loss(ours, {layer: gram(ours[layer]) for layer in STYLE}, wanted, grams, tf.reduce_sum)
        return total, tape.gradient(total, image)

    def job(iterations: int) -> float:
        content, style = map(tf.constant, _pictures(JOB_SIDE))
        image = tf.Variable(content)
        adam = keras.optimizers.Adam(RATE)
        losses = []
        for _ in range(iterations):
            total, slope = evaluate(content, style, image.value())
            adam.apply_gradients([(slope, image)])
            losses.append(float(total))
        return losses[0]

    return {f"job {n}": partial(job, n) for n in (1, ITERATIONS)} | {"loss": partial(job, 1)}


def _loss(found: Any, grams: Any, content: Any, styles: Any, total: Callable[[Any], Any]) -> Any:
    """Gatys' loss, content as in common use, in the terms of any library; Gram matrices are means over cells."""
    channels = {layer: styles[layer].shape[0] for layer in STYLE}
    style = sum(
        weight * total((grams[layer] - styles[layer]) ** 2) / (4 * channels[layer] ** 2)
        for layer, weight in STYLE.items()
    )
    numbers = float(np.prod([int(n) for n in content.shape]))
    return STYLE_WEIGHT * style + CONTENT_WEIGHT * total((found[CONTENT] - content) ** 2) / (4 * numbers)


def _actions(step: Callable[[int], None], loss: Callable[[], float]) -> dict[str, Callable[[], Any]]:
    return {f"step {side}": partial(step, side) for side in SIDES} | {"loss": loss}


def _pictures(side: int) -> tuple[Any, Any]:
    """Content and style (side, side, 3)."""
    return picture("lake", side, side), picture("swirls", side, side)
