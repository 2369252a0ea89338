"""The crew: several tiles at once, always with one answer; precisions; the machine that plans are made for."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from shared.plan import Machine
from shared.tiles import cut, reach_of
from tests.reference.pictures import cosine, drawn
from worker import machine as machines
from worker.networks import cores, load
from worker.networks.arithmetic import Arithmetic, Way, is_wide, normalised
from worker.networks.network import Network
from worker.render.crew import Crew, crew
from worker.render.gradients import Engine, program
from worker.render.objectives import Statistic, WeightedSum
from worker.render.tiles import Canvas


class Stop(Exception):
    pass


@pytest.fixture(scope="module")
def network() -> Network:
    return load("motifnet", folder=Path())


def team(size: int) -> Crew:
    return Crew(("/CPU:0",) * size, Arithmetic)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_results_come_in_the_order_of_the_tasks(size: int) -> None:
    # The first task ends last: it waits for the third, where there are hands enough to begin that.
    third = threading.Event()

    def work(task: int, _device: str) -> int:
        if task == 0 and size > 2:
            assert third.wait(30)
        if task == 2:
            third.set()
        return task * task

    assert list(team(size).each(work, iter(range(20)), lambda: None)) == [n * n for n in range(20)]


@pytest.mark.parametrize("size", [1, 3])
def test_an_interruption_ends_the_work_at_once(size: int) -> None:
    begun, ended, go_on = [], [], threading.Event()

    def work(task: int, _device: str) -> None:
        begun.append(task)
        go_on.wait(10)
        ended.append(task)

    def interrupt() -> None:
        if begun:
            raise Stop

    with pytest.raises(Stop):
        list(team(size).each(work, range(100), interrupt))
    assert ended == []
    go_on.set()
    assert len(begun) <= size + 1


def test_what_goes_wrong_in_a_tile_is_told() -> None:
    def work(task: int, _device: str) -> None:
        if task == 3:
            raise MemoryError("tile 3")

    with pytest.raises(MemoryError, match="tile 3"):
        list(team(2).each(work, range(9), lambda: None))


def test_no_more_tiles_are_made_than_are_wanted() -> None:
    made = 0

    def tasks() -> Iterator[int]:
        nonlocal made
        for number in range(50):
            made += 1
            yield number

    results = team(3).each(lambda task, _device: task, tasks(), lambda: None)
    next(results)
    assert made <= 6
    results.close()  # type: ignore[attr-defined]


def gradient(network: Network, layer: str = "mixed4b", side: int = 384) -> Any:
    spans = cut(side, 304, reach_of([network.card.find_layer(layer)]))
    assert len(spans) > 1
    engine = Engine(program(network, WeightedSum((Statistic(layer, "squares"),))), Canvas(spans, spans))
    return engine.gradient(drawn(side, side, seed=5), [1e-3], [None], lambda: None)


def test_the_gradient_does_not_depend_on_who_computes_it(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for size in (1, 2, 4):
        monkeypatch.setattr(
            "worker.render.gradients.crew", lambda size=size: replace(crew(), devices=team(size).devices)
        )
        found.append(gradient(network))
    for score, values in found[1:]:
        assert score == found[0][0]
        assert np.array_equal(values, found[0][1])


def test_repeats_are_equal_to_the_bit(network: Network) -> None:
    first, *others = (gradient(network)[1] for _ in range(4))
    assert all(np.array_equal(first, other) for other in others)


# Two logical CPUs stand for two GPUs: another device's memory, another copy of the weights, another program.
_TWO_DEVICES = """
import numpy as np, tensorflow as tf
from pathlib import Path
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.unit import test_crew
from worker.networks import load
from worker.networks.arithmetic import Arithmetic
from worker.render import crew, gradients, measure
network = load("motifnet", folder=Path())
found = []
for devices in (("/CPU:0",), ("/CPU:0", "/CPU:1")):
    several = crew.Crew(devices, Arithmetic)
    gradients.crew = measure.crew = lambda: several
    found.append(test_crew.gradient(network))
assert found[0][0] == found[1][0] and np.array_equal(found[0][1], found[1][1])
print("devices that hold weights:", sorted({v.device for v in [network, *network._variants.values()]}))
"""


def test_several_devices_render_one_picture() -> None:
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    ran = subprocess.run([sys.executable, "-c", _TWO_DEVICES], capture_output=True, text=True, check=False, env=quiet)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "devices that hold weights: ['/CPU:0', '/CPU:1']"


@pytest.mark.parametrize(
    ("precision", "half", "least"),
    [("mixed", tf.bfloat16, 0.999), ("mixed", tf.float16, 0.9999), ("bfloat16", tf.bfloat16, 0.9)],
)
def test_precisions_keep_the_direction_of_the_gradient(
    network: Network, precision: Any, half: Any, least: float
) -> None:
    exact = gradient(network)
    found = gradient(network.variant(Arithmetic(precision, half), "/CPU:0"))
    assert cosine(found[1], exact[1]) >= least
    assert not np.array_equal(found[1], exact[1])
    if precision == "mixed":
        assert found[0] == exact[0]  # values stay in float32
    else:
        assert found[0] == pytest.approx(exact[0], rel=0.05)


def test_tiny_and_huge_gradients_survive_float16(network: Network) -> None:
    small = network.variant(Arithmetic("mixed", tf.float16), "/CPU:0")
    spans = cut(96, 96, reach_of([network.card.find_layer("mixed3b")]))
    goal = WeightedSum((Statistic("mixed3b", "squares"),))
    for scale in (1e-12, 1.0, 1e12):
        exact, found = (
            Engine(program(n, goal), Canvas(spans, spans)).gradient(drawn(96, 96), [scale], [None], lambda: None)[1]
            for n in (network, small)
        )
        assert cosine(found / scale, exact / scale) >= 0.9999


@pytest.mark.parametrize("beta", [0.5, 0.75, 0.6])
@pytest.mark.parametrize("channels", [48, 100, 128, 192, 200])
def test_response_normalisation_is_tensorflows(beta: float, channels: int) -> None:
    x = tf.constant(np.random.default_rng(1).normal(0, 40, (1, 7, 9, channels)).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = normalised(x, 5.0, 1.0, 1e-4, beta)
        theirs = tf.nn.local_response_normalization(x, 5, 1.0, 1e-4, beta)
        scores = tf.reduce_sum(ours**3), tf.reduce_sum(theirs**3)
    assert np.abs(ours - theirs).mean() <= 1e-6 * np.abs(theirs).mean()
    found, expected = (tape.gradient(score, x) for score in scores)
    assert np.abs(found - expected).mean() <= 1e-5 * np.abs(expected).mean()


@pytest.mark.parametrize("shape", [(3, 3, 256, 288), (1, 3, 264, 256), (5, 1, 256, 256)])
def test_wide_convolutions_are_tensorflows(shape: tuple[int, int, int, int]) -> None:
    assert is_wide(shape, 1, "same") == (platform.machine().lower() in ("x86_64", "amd64"))
    assert_tensorflows(shape, (9, 8), 1, "wide")


@pytest.mark.parametrize("side", [7, 3, 6])
def test_strided_convolutions_of_pictures_are_tensorflows(side: int) -> None:
    assert_tensorflows((side, side, 3, 24), (22, 16), 2, "blocks")


def assert_tensorflows(shape: tuple[int, int, int, int], size: tuple[int, int], stride: int, way: Way) -> None:
    """Values and gradients of a convolution are those of TensorFlow's own."""
    rng = np.random.default_rng(2)
    x = tf.constant(rng.normal(size=(1, *size, shape[2])).astype(np.float32))
    kernel = rng.normal(size=shape).astype(np.float32)

    def weight(kind: Any, arranged: Callable[[Any], Any] | None = None) -> Any:
        return tf.cast(kernel if arranged is None else arranged(kernel), kind)

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = Arithmetic().conv(x, weight, stride, "SAME", way)
        theirs = tf.nn.conv2d(x, kernel, stride, "SAME")
        scores = tf.reduce_sum(ours**3), tf.reduce_sum(theirs**3)
    assert np.abs(ours - theirs).mean() <= 1e-6 * np.abs(theirs).mean()
    found, expected = (tape.gradient(score, x) for score in scores)
    assert np.abs(found - expected).mean() <= 1e-5 * np.abs(expected).mean()


@pytest.mark.parametrize(
    ("shape", "stride", "padding"),
    [
        ((3, 3, 128, 512), 1, "same"),
        ((1, 1, 512, 512), 1, "same"),
        ((2, 2, 512, 512), 1, "same"),
        ((3, 3, 512, 512), 2, "same"),
        ((3, 3, 512, 512), 1, "valid"),
    ],
)
def test_other_convolutions_are_not_wide(shape: tuple[int, int, int, int], stride: int, padding: str) -> None:
    assert not is_wide(shape, stride, padding)


@pytest.mark.parametrize("threads", ["0", ""])
def test_nothing_said_of_threads_means_all_of_them(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow takes 0 for as many as it likes."""
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", threads)
    assert crew.__wrapped__().parallel == min(cores(), 2)


def test_the_machine_is_the_crew_and_the_memory() -> None:
    found = machines.machine()
    assert found.parallel == crew().parallel
    assert found.tile_bytes is not None
    assert 0 < found.tile_bytes * found.parallel < machines.memory_bytes()


def test_workers_share_the_memory() -> None:
    alone, one_of_four = machines.machine(), machines.machine(4)
    assert alone.tile_bytes is not None
    assert one_of_four.tile_bytes == pytest.approx(alone.tile_bytes / 4, abs=1)
    assert one_of_four.kept_bytes <= machines.memory_bytes() * machines.KEPT_SHARE / 4


def test_a_groups_memory_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machines, "_CGROUP_LIMITS", (limit, tmp_path / "absent"))
    everything = machines.memory_bytes()
    for text, expected in (("max\n", everything), (f"{2**28}\n", 2**28), (f"{2**60}\n", everything)):
        limit.write_text(text)
        assert machines.memory_bytes() == expected


def test_the_driver_tells_the_free_memory_of_the_gpus_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\ncase "$*" in *"-i 0,1") echo 80000; echo 40000;; *) exit 9;; esac\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert machines.gpu_bytes() == 40000 * 2**20
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert machines.gpu_bytes() is None
    assert Machine.kept_bytes > 0
