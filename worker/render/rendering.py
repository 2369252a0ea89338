"""The loop over octaves and iterations: start or restore, advance, finish."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from shared.cards import Card
from shared.pixels import Pixels
from shared.plan import Plan, reaches
from shared.specs import DreamSpec, LayerWeight, Objective, StyleSpec
from worker.networks.network import Network
from worker.render.crew import crew
from worker.render.cuts import Cuts, cuts_of
from worker.render.dream import Dream
from worker.render.errors import Mismatch, OutOfMemory
from worker.render.probing import halo_error
from worker.render.recipe import Recipe, Slots
from worker.render.style import StyleTransfer

FloatArray = NDArray[np.float32]
Spec = DreamSpec | StyleSpec
Item = TypeVar("Item", Objective, LayerWeight)

#: What of a state is not the recipe's.
_NOT_SLOTS = frozenset(["step", "score", "network", "cuts"])

#: What TensorFlow's internal errors say of a device whose memory is full.
_FULL = ("dst tensor is not initialized", "out of memory", "out_of_memory", "failed to allocate memory", "alloc_failed")


@dataclass(frozen=True)
class Progress:
    """How far a rendering is. Octaves and iterations count from 1; before the first iteration they are 1 and 0."""

    octave: int
    octaves: int
    iteration: int
    iterations: int
    #: Iterations done, of all octaves.
    step: int
    steps: int
    #: Megapixel-iterations done, and of all.
    mpit: float
    mpit_total: float
    #: The objective's value (a dream's score, a style's loss) as the last iteration found it; NaN before the first.
    score: float
    octave_done: bool
    finished: bool


class Rendering:
    """One job's rendering. What it renders depends on specification, plan, network and pictures, and nothing else."""

    def __init__(
        self,
        spec: Spec,
        plan: Plan,
        network: Network,
        recipe: Recipe,
        slots: Slots,
        step: int = 0,
        score: float = math.nan,
        before: Cuts | None = None,
    ) -> None:
        self._spec, self._plan, self._network, self._recipe = spec, plan, network, recipe
        self._slots, self._step, self._score = slots, step, score
        self._cuts = Cuts(tuple(octave.cut for octave in plan.octaves))
        if before is not None:
            octave, iteration = self._position()
            ended = iteration == plan.octaves[octave].iterations
            self._cuts = self._cuts.after(before, octave + ended, 0 if ended else iteration)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        octave, iteration = self._position()
        now = self._plan.octaves[octave]
        done = sum(o.mpit for o in self._plan.octaves[:octave]) + now.mpit * iteration / now.iterations
        return Progress(
            octave=octave + 1,
            octaves=len(self._plan.octaves),
            iteration=iteration,
            iterations=now.iterations,
            step=self._step,
            steps=self._plan.steps,
            mpit=done,
            mpit_total=self._plan.mpit,
            score=self._score,
            octave_done=iteration == now.iterations,
            finished=self._step == self._plan.steps,
        )

    @property
    def resting(self) -> bool:
        """Whether the next iteration computes nothing: its octave has reached the largest score, or the least loss."""
        octave, iteration = self._position()
        rests = "reached" in self._slots or "converged" in self._slots
        return rests and iteration < self._plan.octaves[octave].iterations

    @property
    def cuts(self) -> Cuts:
        """How its octaves were cut, those that are still to come included."""
        return self._cuts

    def advance(self, interrupt: Callable[[], None]) -> Progress:
        """One iteration of one octave.

        Calls `interrupt` between tiles, and about every second in between. Whatever it raises passes through and
        leaves the rendering as it was before the iteration, as do NotFinite and OutOfMemory; but a style transfer whose
        picture (not its gradient) is not finite is lost.
        """
        if self._step == self._plan.steps:
            return self.progress
        octave, iteration = self._position()
        slots = self._slots
        with _memory_errors():
            if iteration == self._plan.octaves[octave].iterations:
                octave, iteration = octave + 1, 0
                slots = self._recipe.enlarge(slots, octave, interrupt)
            self._score, self._slots = self._recipe.iterate(slots, octave, iteration, interrupt)
        self._step += 1
        return self.progress

    def picture(self) -> FloatArray:
        """The picture (H, W, 3) at the current octave's size, in 0–255. Raises OutOfMemory."""
        with _memory_errors():
            return self._recipe.show(self._slots, self._position()[0])

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays from which `resume` goes on to the same bits."""
        made_with = np.frombuffer(bytes.fromhex(self._network.digest), np.uint8)
        return {
            **self._slots,
            "cuts": self._cuts.as_array(),
            "step": np.array(self._step, np.int64),
            "score": np.array(self._score, np.float64),
            "network": made_with,
        }

    def finish(self) -> FloatArray:
        """The output (H, W, 3) in 0–255, at the plan's size. The last iteration must be done."""
        if self._step != self._plan.steps:
            raise ValueError(f"the rendering is not finished: {self._step} of {self._plan.steps} iterations are done")
        return self.picture()

    def tiling_error(self, interrupt: Callable[[], None]) -> float | None:
        """The relative error of the gradient that fast tiles make, measured on the picture; None for other tiles."""
        last = self._plan.octaves[-1]
        if self._spec.tiling.mode != "fast" or last.tiles == 1:
            return None
        layers, exact, used = reaches(self._spec, self._network.card)
        with _memory_errors():
            return halo_error(self._network, layers, self._slots["picture"], last.tile, exact, used, interrupt)

    def _position(self) -> tuple[int, int]:
        """The octave (from 0) that the picture is in, and how many of its iterations are done."""
        iterations = self._plan.octaves[0].iterations
        octave = max(self._step - 1, 0) // iterations
        return octave, self._step - octave * iterations


def begin(spec: Spec, plan: Plan, network: Network, pictures: Mapping[str, Pixels]) -> Rendering:
    """A rendering before its first iteration.

    `pictures` holds those of `shared.specs.assets_of(spec)` under its keys, each (H, W, 3) as it was decoded
    (`shared.pixels`): uint8, uint16 or float32. They are kept as they are, and read a few rows at a time.
    """
    spec = _resolved(spec, network.card)
    with _memory_errors():
        network = _computing(network, spec)
        recipe = _recipe(spec, plan, network, pictures)
        return Rendering(spec, plan, network, recipe, recipe.start())


def resume(
    spec: Spec,
    plan: Plan,
    network: Network,
    pictures: Mapping[str, Pixels],
    state: Mapping[str, NDArray[Any]],
) -> Rendering:
    """The rendering that `state` was taken of: to the same bits if the plan has the cuts that it says (`cuts_of`).

    Raises Mismatch when it was of another network, or of other octaves than the plan has.
    """
    slots = {name: array for name, array in state.items() if name not in _NOT_SLOTS}
    if "network" not in state or state["network"].tobytes().hex() != network.digest:
        raise Mismatch(f"its checkpoint was made with another network than this {network.card.name!r}")
    spec = _resolved(spec, network.card)
    with _memory_errors():
        network = _computing(network, spec)
        recipe = _recipe(spec, plan, network, pictures)
    step, cuts = int(state["step"]), cuts_of(state)
    if step > plan.steps or len(cuts) not in (0, len(plan.octaves)):
        raise Mismatch("its checkpoint is of another octave than its plan has")
    before = Cuts.of_array(state["cuts"]) if cuts else None
    rendering = Rendering(spec, plan, network, recipe, slots, step, float(state["score"]), before)
    octave = plan.octaves[rendering.progress.octave - 1]
    if slots["picture"].shape[:2] != (octave.canvas_height, octave.canvas_width):
        raise Mismatch("its checkpoint is of another size than its plan")
    return rendering


def _resolved(spec: Spec, card: Card) -> Spec:
    """The specification with every layer under its own name: `logits` may stand for another one. Raises UnknownLayer."""

    def named(item: Item) -> Item:
        return item.model_copy(update={"layer": card.find_layer(item.layer).name})

    layers: dict[str, Any] = {"objective": tuple(map(named, spec.objective))}
    if isinstance(spec, StyleSpec):
        layers["content_layers"] = tuple(map(named, spec.content_layers))
        layers["style_layers"] = tuple(map(named, spec.style_layers))
    return spec.model_copy(update=layers)


def _computing(network: Network, spec: Spec) -> Network:
    """The network on this process' device, in the precision that the job asks for."""
    return network.variant(crew().arithmetic_of(spec.precision), crew().main)


def _recipe(spec: Spec, plan: Plan, network: Network, pictures: Mapping[str, Pixels]) -> Recipe:
    if isinstance(spec, DreamSpec):
        return Dream(spec, plan, network, pictures)
    return StyleTransfer(spec, plan, network, pictures)


@contextmanager
def _memory_errors() -> Iterator[None]:
    try:
        yield
    except (MemoryError, tf.errors.OpError) as error:
        if not _is_out_of_memory(error):
            raise
        raise OutOfMemory(f"there was not enough memory for an iteration: {error}") from error


def _is_out_of_memory(error: Exception) -> bool:
    """TensorFlow has a class for it, and, where a full GPU is copied to or a library's call fails, nothing but words."""
    if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
        return True
    return any(words in str(error).lower() for words in _FULL)
