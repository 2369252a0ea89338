"""What workers rely on: the same bits however often a job is interrupted, resumed or begun, and errors that say where."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.cards import card
from shared.plan import Machine, Plan, plan
from shared.problems import SpecError
from shared.specs import SPEC, DreamSpec, StyleSpec
from tests.reference.pictures import cosine, drawn
from worker.networks import load
from worker.networks.network import Network
from worker.render import Cuts, Mismatch, NotFinite, OutOfMemory, Rendering, begin, cuts_of, resume
from worker.render.color import luminance
from worker.render.style import StyleTransfer

ASSET = "sha256:" + "0" * 64
SMALL: dict[str, Any] = {"octaves": {"count": 2, "scale": 1.5}, "iterations": 3}
DREAM = SMALL | {"kind": "dream", "input": ASSET, "objective": [{"layer": "mixed4a"}], "jitter": 5}
NOISE = SMALL | {"kind": "dream", "preset": "lapnorm", "size": {"long_edge": 96}}
ROLL = DREAM | {"tiling": {"mode": "roll", "tile": 64}}
TILED = SMALL | {"kind": "dream", "input": ASSET, "objective": [{"layer": "conv2d2"}], "tiling": {"tile": 32}}
STYLE = SMALL | {"kind": "style", "content": ASSET, "styles": [{"asset": ASSET}], "noise": 0.3, "tv_weight": 1e-6}
PICTURES = {"input": drawn(90, 120), "content": drawn(90, 120), "styles.0.asset": drawn(80, 64, 1)}

Fields = Mapping[str, Any]


class Cancelled(Exception):
    """What a worker raises to stop an iteration."""


@pytest.fixture(scope="module")
def network() -> Network:
    return load("motifnet", folder=Path())


def prepared(fields: Fields, **options: Any) -> tuple[DreamSpec | StyleSpec, Plan]:
    spec = SPEC.validate_python(fields)
    noise = isinstance(spec, DreamSpec) and spec.input is None
    size = {"width": None, "height": None} if noise else {"width": 120, "height": 90}
    return spec, plan(spec, card=card(spec.model), **size, **options)


def started(network: Network, fields: Fields) -> Rendering:
    spec, planned = prepared(fields)
    return begin(spec, planned, network, PICTURES)


def advanced(rendering: Rendering, steps: int) -> Rendering:
    for _ in range(steps):
        rendering.advance(lambda: None)
    return rendering


def finished(rendering: Rendering) -> NDArray[np.float32]:
    return advanced(rendering, rendering.progress.steps - rendering.progress.step).finish()


def same_state(a: Mapping[str, NDArray[Any]], b: Mapping[str, NDArray[Any]]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k], equal_nan=True) for k in a)


#: Machines on which the pictures here are cut otherwise.
ROOMY, NARROW = Machine(tile_bytes=10**9), Machine(tile_bytes=600_000, kept_bytes=0)

KINDS = {"dream": DREAM, "noise": NOISE, "roll": ROLL, "tiled": TILED, "style": STYLE}
ALL = pytest.mark.parametrize("fields", KINDS.values(), ids=KINDS)


@ALL
def test_begun_twice_the_same_bits_come_out(network: Network, fields: Fields) -> None:
    assert np.array_equal(finished(started(network, fields)), finished(started(network, fields)))


@ALL
def test_resumed_at_any_iteration_the_same_bits_come_out(network: Network, fields: Fields) -> None:
    spec, planned = prepared(fields)
    through = begin(spec, planned, network, PICTURES)
    expected, states = None, []
    while not through.progress.finished:
        states.append({name: array.copy() for name, array in through.state().items()})
        through.advance(lambda: None)
    expected = through.finish()
    for step, state in enumerate(states):
        restored = resume(spec, planned, network, PICTURES, state)
        assert restored.progress.step == step
        assert same_state(restored.state(), state)
        assert np.array_equal(finished(restored), expected), f"resumed after {step} iterations"


#: A dream and a style transfer on layers that see so little that the pictures here can be cut.
CUT: list[dict[str, Any]] = [
    SMALL | {"kind": "dream", "input": ASSET, "objective": [{"layer": "conv2d2"}], "jitter": 3},
    SMALL
    | {"kind": "style", "content": ASSET, "styles": [{"asset": ASSET}]}
    | {"content_layers": [{"layer": "conv2d2"}], "style_layers": [{"layer": "conv2d0"}, {"layer": "conv2d2"}]},
]
KINDS_CUT = pytest.mark.parametrize("fields", CUT, ids=["dream", "style"])


@KINDS_CUT
def test_resumed_where_there_is_less_memory_the_same_bits_come_out(network: Network, fields: Fields) -> None:
    """Given a checkpoint of another machine, which would have been cut otherwise here, it is cut as it was there."""
    spec, there = prepared(fields, machine=ROOMY)
    assert [o.cut for o in there.octaves] != [o.cut for o in prepared(fields, machine=NARROW)[1].octaves]
    through = finished(begin(spec, there, network, PICTURES))
    for steps in (1, 3, 4):
        state = advanced(begin(spec, there, network, PICTURES), steps).state()
        _, here = prepared(fields, machine=NARROW, cuts=cuts_of(state))
        restored = resume(spec, here, network, PICTURES, state)
        assert np.array_equal(finished(restored), through)
        assert restored.cuts.each == tuple(octave.cut for octave in there.octaves)
        assert restored.cuts.changed == ()


@pytest.mark.parametrize(
    ("steps", "kept", "changed"), [(0, 0, ()), (1, 0, (1,)), (3, 1, ()), (4, 1, (2,)), (6, 2, ())], ids=str
)
@KINDS_CUT
def test_a_rendering_says_where_its_cut_had_to_change(
    network: Network, fields: Fields, steps: int, kept: int, changed: tuple[int, ...]
) -> None:
    """Given tiles that have to be smaller from some iteration on, octaves that were done were done with the old ones."""
    spec, there = prepared(fields, machine=ROOMY)
    here = prepared(fields, machine=NARROW, tile_limit=64)[1]
    before, after = ([octave.cut for octave in planned.octaves] for planned in (there, here))
    assert all(old != new for old, new in zip(before, after, strict=True))
    state = advanced(begin(spec, there, network, PICTURES), steps).state()
    restored = resume(spec, here, network, PICTURES, state)
    assert restored.cuts == Cuts((*before[:kept], *after[kept:]), changed)
    # Whoever resumes that one still knows.
    again = resume(spec, here, network, PICTURES, restored.state())
    assert again.cuts == restored.cuts


@settings(deadline=None, max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.integers(0, 5), calls=st.integers(1, 6), fields=st.sampled_from([DREAM, TILED, STYLE]))
def test_an_interrupted_iteration_leaves_nothing_behind(
    network: Network, steps: int, calls: int, fields: Fields
) -> None:
    rendering = advanced(started(network, fields), steps)
    before = {name: array.copy() for name, array in rendering.state().items()}
    tiles = prepared(fields)[1].octaves[0].tiles

    with pytest.raises(Cancelled):
        rendering.advance(_after(min(calls, tiles)))

    assert same_state(rendering.state(), before)
    assert np.array_equal(finished(rendering), finished(started(network, fields)))


def _after(calls: int) -> Callable[[], None]:
    left = iter(range(calls - 1))

    def interrupt() -> None:
        if next(left, None) is None:
            raise Cancelled

    return interrupt


def test_tiles_are_interruptible_one_by_one(network: Network) -> None:
    calls: list[int] = []
    rendering = started(network, TILED)
    tiles = prepared(TILED)[1].octaves[0].tiles
    assert tiles > 1
    rendering.advance(lambda: calls.append(1))
    assert len(calls) == tiles


def test_pictures_are_kept_in_range_where_that_is_asked_for(network: Network) -> None:
    wild = DREAM | {"step": 60.0}
    free, kept = (advanced(started(network, wild | {"clip": clip}), 3).state()["picture"] for clip in (False, True))
    assert free.min() < 0 or free.max() > 255
    assert (kept.min() >= 0, kept.max() <= 255) == (True, True)


def test_an_octave_stops_at_its_largest_score(network: Network) -> None:
    free = started(network, DREAM | {"iterations": 6})
    scores = [free.advance(lambda: None).score for _ in range(6)]
    limited = started(network, DREAM | {"iterations": 6, "max_score": scores[2] * 0.999})
    pictures = [advanced(limited, 1).state()["picture"] for _ in range(6)]
    assert not np.array_equal(pictures[0], pictures[1])
    assert all(np.array_equal(picture, pictures[1]) for picture in pictures[2:])
    assert limited.progress.octave_done
    assert np.array_equal(
        finished(limited), finished(started(network, DREAM | {"iterations": 6, "max_score": scores[2] * 0.999}))
    )


def test_seeds_make_different_pictures(network: Network) -> None:
    one, other = (finished(started(network, NOISE | {"seed": seed})) for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_progress_counts_octaves_iterations_and_work(network: Network) -> None:
    rendering = started(network, DREAM)
    first = rendering.progress
    assert (first.octave, first.iteration, first.step, first.mpit, first.finished) == (1, 0, 0, 0.0, False)
    seen = [rendering.advance(lambda: None) for _ in range(6)]
    assert [(p.octave, p.iteration, p.step, p.octave_done) for p in seen] == [
        (1, 1, 1, False),
        (1, 2, 2, False),
        (1, 3, 3, True),
        (2, 1, 4, False),
        (2, 2, 5, False),
        (2, 3, 6, True),
    ]
    assert all((p.octaves, p.iterations, p.steps) == (2, 3, 6) for p in seen)
    assert [p.mpit for p in seen] == sorted(p.mpit for p in seen)
    assert seen[-1].mpit == pytest.approx(seen[-1].mpit_total)
    assert seen[-1].finished
    assert seen[2].score > seen[0].score
    assert rendering.advance(lambda: None) == seen[-1]


def test_pictures_have_the_octaves_size_and_the_output_the_plans(network: Network) -> None:
    rendering = started(network, DREAM)
    with pytest.raises(ValueError, match="0 of 6 iterations are done"):
        rendering.finish()
    shapes = [advanced(rendering, 1).picture().shape for _ in range(6)]
    assert shapes == [(60, 80, 3)] * 3 + [(90, 120, 3)] * 3
    output = rendering.finish()
    assert output.dtype == np.float32
    assert (output.min() >= 0, output.max() <= 255) == (True, True)


def test_states_are_numeric_arrays(network: Network) -> None:
    for fields in (DREAM, STYLE):
        for array in started(network, fields).state().values():
            assert isinstance(array, np.ndarray)
            assert array.dtype.kind in "fiu"


def test_roll_pushes_everywhere(network: Network) -> None:
    """No strips are left out: within a few iterations every part of the picture has changed."""
    before = PICTURES["input"]
    after = finished(started(network, ROLL | {"octaves": {"count": 1}, "detail": "none"}))
    changed = np.abs(after - before).max(axis=2) > 0
    assert changed.mean() > 0.99


def test_a_dream_finds_more_of_what_it_looks_for(network: Network) -> None:
    fields = {
        "kind": "dream",
        "preset": "lapnorm",
        "objective": [{"layer": "logits", "channel": "sunflower"}],
        "octaves": {"count": 2},
        "iterations": 12,
        "size": {"long_edge": 128},
    }
    picture = finished(started(network, fields))
    logits = network.card.find_layer("logits")
    cells = network.activations(picture[None], ["logits"])["logits"].numpy().mean((0, 1, 2))
    assert (logits.channel_names or ())[int(cells.argmax())] == "sunflower"


def test_a_style_transfer_lowers_its_loss_and_takes_over_the_palette(network: Network) -> None:
    content = np.full((90, 120, 3), (200, 60, 60), np.float32) + drawn(90, 120) / 8
    pictures = PICTURES | {"content": content}
    spec, planned = prepared(STYLE | {"iterations": 25, "content_weight": 0.01, "noise": 0.0})
    rendering = begin(spec, planned, network, pictures)
    first = advanced(rendering, 1).progress.score
    output = finished(rendering)
    assert rendering.progress.score < first / 3
    style = pictures["styles.0.asset"].mean((0, 1))
    assert np.abs(output.mean((0, 1)) - style).mean() < np.abs(content.mean((0, 1)) - style).mean() / 2


def test_kept_colours_are_the_contents(network: Network) -> None:
    content = np.clip(drawn(90, 120) * np.float32([0.3, 0.5, 0.4]) + np.float32([90, 60, 70]), 0, 255)
    spec, planned = prepared(STYLE | {"keep_colors": True, "iterations": 6, "noise": 0.0})
    output = finished(begin(spec, planned, network, PICTURES | {"content": content}))
    inside = ((output > 0) & (output < 255)).all(axis=2)
    chroma = (output - luminance(output))[inside], (content - luminance(content))[inside]
    assert np.abs(chroma[0] - chroma[1]).max() < 0.01
    assert np.abs(output - content).mean() > 1


def test_kept_colours_cost_no_copy_of_a_large_style(network: Network) -> None:
    large = np.zeros((3000, 4000, 3), np.uint8)
    large[::2] = 200
    spec, planned = prepared(STYLE | {"keep_colors": True})
    tracemalloc.start()
    try:
        rendering = begin(spec, planned, network, PICTURES | {"styles.0.asset": large})
        taken, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not rendering.progress.finished
    assert taken < 10e6
    assert peak < 2 * large.nbytes


def test_styles_are_mixed_by_weight(network: Network) -> None:
    pictures = PICTURES | {"styles.1.asset": drawn(64, 64, 2)}
    first, second, both, mostly_first = (
        _styled(network, pictures, weights) for weights in ((1.0, 1e-6), (1e-6, 1.0), (1.0, 1.0), (1000.0, 1.0))
    )
    assert cosine(mostly_first - PICTURES["content"], first - PICTURES["content"]) > 0.99
    assert cosine(both - PICTURES["content"], first - PICTURES["content"]) < 0.99
    assert cosine(both - PICTURES["content"], second - PICTURES["content"]) < 0.99


def _styled(network: Network, pictures: Mapping[str, Any], weights: tuple[float, float]) -> NDArray[np.float32]:
    styles = [{"asset": ASSET, "weight": weight} for weight in weights]
    spec, planned = prepared(STYLE | {"styles": styles, "noise": 0.0})
    return finished(begin(spec, planned, network, pictures))


@pytest.mark.parametrize("fields", [DREAM, STYLE], ids=["dream", "style"])
def test_a_picture_that_is_not_finite_is_reported_with_octave_and_iteration(network: Network, fields: Fields) -> None:
    spec, planned = prepared(fields)
    state = advanced(begin(spec, planned, network, PICTURES), 4).state()
    state["picture"] = state["picture"].copy()
    state["picture"][10, 10] = np.nan
    broken = resume(spec, planned, network, PICTURES, state)
    with pytest.raises(NotFinite, match="octave 2, iteration 2") as caught:
        broken.advance(lambda: None)
    assert (caught.value.octave, caught.value.iteration) == (2, 2)
    assert broken.progress.step == 4


def test_steps_that_explode_are_reported(network: Network) -> None:
    spec, planned = prepared(DREAM)
    state = begin(spec, planned, network, PICTURES).state()
    state["picture"] = np.full_like(state["picture"], 1e37)
    with pytest.raises(NotFinite, match="smaller step"), np.errstate(all="ignore"):
        advanced(resume(spec, planned, network, PICTURES, state), 6)


#: As TensorFlow tells them of CPUs and GPUs.
FULL = [
    MemoryError(),
    tf.errors.ResourceExhaustedError(None, None, "OOM"),
    tf.errors.InternalError(None, None, "Failed copying input tensor to GPU:0: Dst tensor is not initialized."),
    tf.errors.InternalError(None, None, "Failed call to cuModuleLoadData: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
]


@pytest.mark.parametrize("error", FULL)
def test_running_out_of_memory_is_one_error_and_leaves_the_state(network: Network, error: Exception) -> None:
    rendering = advanced(started(network, DREAM), 2)
    before = rendering.state()

    def exhausted() -> None:
        raise error

    with pytest.raises(OutOfMemory):
        rendering.advance(exhausted)
    assert same_state(rendering.state(), before)


def test_other_internal_errors_are_no_lack_of_memory(network: Network) -> None:
    def fails() -> None:
        raise tf.errors.InternalError(None, None, "ptxas exited with non-zero error code")

    with pytest.raises(tf.errors.InternalError, match="ptxas"):
        advanced(started(network, DREAM), 2).advance(fails)


def test_running_out_of_memory_is_one_error_between_iterations_too(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, planned = prepared(STYLE)
    rendering = advanced(begin(spec, planned, network, PICTURES), 2)

    def exhausted(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(StyleTransfer, "show", exhausted)
    with pytest.raises(OutOfMemory):
        rendering.picture()
    monkeypatch.setattr(StyleTransfer, "__init__", exhausted)
    with pytest.raises(OutOfMemory):
        resume(spec, planned, network, PICTURES, rendering.state())


@pytest.mark.parametrize("steps", [2, 5])
def test_a_checkpoint_of_a_plan_with_more_octaves_is_told_apart(network: Network, steps: int) -> None:
    """Other versions may have clamped fewer of them."""
    state = advanced(started(network, DREAM), steps).state()
    spec, planned = prepared(DREAM | {"octaves": {"count": 1}})
    with pytest.raises(Mismatch):
        resume(spec, planned, network, PICTURES, state)


@pytest.mark.parametrize("border", [3, 4])
def test_borders_may_leave_nothing_of_a_small_octave(network: Network, border: int) -> None:
    """Where a border leaves no cell of an early octave, the other terms go on alone; in the last one it is refused."""
    terms = [{"layer": "mixed4c", "border": border}, {"layer": "mixed3a"}]
    fields = DREAM | {"objective": terms, "octaves": {"count": 3, "scale": 1.6}, "size": {"long_edge": 150}}
    if border == 4:
        with pytest.raises(SpecError, match="border may be at most 3"):
            prepared(fields)
        return
    picture = finished(started(network, fields))
    assert np.isfinite(picture).all()
