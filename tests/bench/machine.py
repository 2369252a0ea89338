"""The machine's limit: how fast it computes large convolutions, which no renderer can surpass.

A 3×3 convolution through TensorFlow (oneDNN), values only, of sizes that suit it best; one pinned process with one thread
per core, all at once, and all cores in one process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure
from tests.bench.side_by_side import Actions, Contestant, in_turns, together
from worker.networks import cores

PRECISIONS = ("float32", "bfloat16")
ROUNDS = 5
#: Side in cells, and channels before and after, of the convolutions that are tried: the fastest one counts.
SHAPES = ((128, 128, 128), (64, 256, 256), (128, 256, 256))
#: How x86 and Arm processors call their instructions for products of half-precision numbers.
HALF_INSTRUCTIONS = ("avx512_bf16", "avx512_fp16", "avx_ne_convert", "amx_bf16", "amx_fp16", "bf16", "svebf16", "fphp")


def figures(_folder: Path) -> Iterator[Figure | str]:
    """The limits, and the instructions that they follow from."""
    yield instructions()
    actions = [f"{precision} {i}" for precision in PRECISIONS for i in range(len(SHAPES))]
    with ExitStack() as stack:
        each = pinned(stack, convolutions)
        shared = stack.enter_context(Contestant(convolutions))
        calls = {f"each {action}": lambda a=action: rate_of(each, a, operations(a)) for action in actions}
        calls |= {f"all {action}": lambda a=action: operations(a) / shared.seconds(a) for action in actions}
        found = in_turns(calls, ROUNDS)
    best = {
        (how, precision): max(found[f"{how} {precision} {i}"] for i in range(len(SHAPES)))
        for how in ("each", "all")
        for precision in PRECISIONS
    }
    yield Figure("convolutions in bfloat16, against float32", best["each", "bfloat16"] / best["each", "float32"], "×")
    for (how, precision), value in best.items():
        place = "one process per core" if how == "each" else "all cores in one process"
        yield Figure(f"convolutions in {precision}, {place}", value / 1e9, "GF/s")


def instructions() -> str:
    """A sentence about the processor's instructions for half precision."""
    file = Path("/proc/cpuinfo")
    if not file.exists():
        return "the system does not say what instructions the processor has"
    known = set(file.read_text().split())
    found = [name for name in HALF_INSTRUCTIONS if name in known]
    if not found:
        return "this processor has no instructions for half precision: mixed and bfloat16 are slower than float32 here"
    return f"this processor's instructions for half precision: {', '.join(found)}"


def pinned(stack: ExitStack, prepare: Any, *arguments: Any) -> list[Contestant]:
    """A contestant with one thread on each core that this process may use; `stack` ends them."""
    places = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [None] * cores()
    single = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    return [stack.enter_context(Contestant(prepare, *arguments, core=core, environment=single)) for core in places]


def rate_of(contestants: list[Contestant], action: str, work: float) -> float:
    """Operations per second that the contestants do together, each of them `work`."""
    return sum(work / seconds for seconds in together(contestants, action))


def limit_of(contestants: list[Contestant], precision: str) -> float:
    """Operations per second of the fastest convolution that the contestants, which offer `convolutions`, do together."""
    rates = [rate_of(contestants, f"{precision} {i}", operations(f"{precision} {i}")) for i in range(len(SHAPES))]
    return max(rates)


def operations(action: str) -> float:
    """Operations of one of `convolutions`' actions: two per multiply-add."""
    side, before, after = SHAPES[int(action.split()[-1])]
    return 2.0 * 9 * before * after * side * side * _repeats(side, before, after)


def _repeats(side: int, before: int, after: int) -> int:
    """As often as makes 8 billion multiply-adds, so that starting does not count."""
    return max(round(8e9 / (9 * before * after * side * side)), 1)


def convolutions() -> Actions:
    """Each precision's convolution of each shape, `<precision> <number of the shape>`."""
    import tensorflow as tf

    def action(kind: Any, side: int, before: int, after: int) -> Any:
        kernel = tf.cast(tf.random.stateless_normal((3, 3, before, after), (0, 0)), kind)
        cells = tf.cast(tf.random.stateless_normal((1, side, side, before), (0, 1)), kind)
        convolve = tf.function(lambda x: tf.nn.conv2d(x, kernel, 1, "SAME"), autograph=False)

        def run() -> None:
            for _ in range(_repeats(side, before, after)):
                convolve(cells)

        return run

    return {
        f"{precision} {i}": action(tf.as_dtype(precision), *shape)
        for precision in PRECISIONS
        for i, shape in enumerate(SHAPES)
    }
