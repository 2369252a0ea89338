"""Style transfer (Gatys, Ecker and Bethge 2016) over octaves, from coarse to fine.

Style is what Gram matrices of early and late layers say, content what activations of a middle layer say. Each octave
starts from the enlarged result of the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from shared.pixels import Pixels
from shared.plan import Plan
from shared.specs import StyleSpec
from worker.networks.network import Network
from worker.render.banded import each_rows, lines
from worker.render.color import recoloured
from worker.render.errors import NotFinite
from worker.render.gradients import Engine, program
from worker.render.lbfgs import LBFGS
from worker.render.normalise import is_finite
from worker.render.optimizers import Adam, Evaluate, Optimizer
from worker.render.randomness import generator
from worker.render.recipe import FloatArray, Interrupt, Slots, never
from worker.render.resample import cropped, fill_margin
from worker.render.targets import Measuring, Targets
from worker.render.tiles import Canvas
from worker.render.variation import add_variation

#: Starting noise spreads this far around the network's mean (as in Gatys' implementations).
NOISE_SPREAD = 20.0


class StyleTransfer:
    """The recipe of a style transfer. `pictures`: `content`, `styles.N.asset`, `styles.N.mask`; (H, W, 3) as decoded.

    Where styles are not laid everywhere, the picture in the slots is what is laid over the content.
    """

    def __init__(self, spec: StyleSpec, plan: Plan, network: Network, pictures: Mapping[str, Pixels]) -> None:
        self._spec, self._plan, self._network = spec, plan, network
        self._content = pictures["content"]
        self._measuring = Measuring(spec, network, pictures)
        self._optimizer = _optimizer(spec)
        self._targets: tuple[int, Targets] | None = None

    def start(self) -> Slots:
        """The content, mixed with noise, at the size of the first octave; the optimiser at rest."""
        first = self._plan.octaves[0]
        picture = self._measuring.content(first, never)
        if self._spec.noise:
            self._mix_noise(cropped(picture, first))
            fill_margin(picture, first)
        return self._optimizer.begin(picture)

    def enlarge(self, slots: Slots, octave: int, interrupt: Interrupt) -> Slots:
        """Picture and optimiser at the next octave's size."""
        before, now = self._plan.octaves[octave - 1 : octave + 1]
        return self._optimizer.enlarge(slots, before, now, interrupt)

    def iterate(self, slots: Slots, octave: int, iteration: int, interrupt: Interrupt) -> tuple[float, Slots]:
        """One step of the optimiser down the loss."""
        count = octave * self._plan.octaves[0].iterations + iteration + 1
        loss, changed = self._optimizer.step(slots, self._evaluation(octave, iteration, interrupt), count)
        # The next evaluation would find out, but there is none after the last step.
        if not is_finite(changed["picture"]):
            raise NotFinite("picture", octave + 1, iteration + 1)
        return loss, changed

    def show(self, slots: Slots, octave: int) -> FloatArray:
        """The picture, in the content's colours where they are kept."""
        laid = _laid(slots["picture"], self._targets_of(octave, never)) if self._masked else slots["picture"]
        picture = cropped(laid, self._plan.octaves[octave])
        if self._spec.keep_colors:
            picture = recoloured(picture, self._content)
            return np.clip(picture, 0, 255, out=picture)
        return np.clip(picture, 0, 255)

    def _evaluation(self, octave: int, iteration: int, interrupt: Interrupt) -> Evaluate:
        targets, engine = self._targets_of(octave, interrupt), self._engines[octave]

        def evaluate(variable: FloatArray) -> tuple[float, FloatArray]:
            picture = _laid(variable, targets)
            loss, gradient = engine.gradient(picture, targets.parameters, targets.maps, interrupt)
            if targets.variation:
                loss += add_variation(picture, targets.variation, gradient)
            if targets.kept is not None:
                gradient *= targets.kept[0]
            if not (np.isfinite(loss) and np.isfinite(gradient.sum(dtype=np.float64))):
                raise NotFinite("gradient", octave + 1, iteration + 1)
            return loss, gradient

        return evaluate

    def _mix_noise(self, picture: FloatArray) -> None:
        """Blend a picture (H, W, 3) with noise, in place."""
        draw = generator(self._spec.seed, 0, 0)
        share, middle = np.float32(self._spec.noise), np.array(self._network.mean)
        rows = lines(picture.shape[1])
        # One band after the other: that is the order in which numbers are drawn.
        for top in range(0, picture.shape[0], rows):
            band = picture[top : top + rows]
            noise = draw.uniform(-NOISE_SPREAD, NOISE_SPREAD, band.shape) + middle
            band[:] = share * noise.astype(np.float32) + (1 - share) * band

    @property
    def _masked(self) -> bool:
        """Whether the content may show somewhere."""
        return all(style.mask is not None for style in self._spec.styles)

    @cached_property
    def _engines(self) -> list[Engine]:
        compiled = program(self._network, self._measuring.objective)
        return [Engine(compiled, Canvas.of(octave)) for octave in self._plan.octaves]

    def _targets_of(self, octave: int, interrupt: Interrupt) -> Targets:
        """The targets of an octave; kept until the next one starts."""
        if self._targets is None or self._targets[0] != octave:
            # Those of the last octave are let go first: there may not be room for both.
            self._targets = None
            self._targets = (octave, self._measuring.of(self._plan.octaves[octave], interrupt))
        return self._targets[1]


def _laid(picture: FloatArray, targets: Targets) -> FloatArray:
    """`picture` (H, W, 3) over the content, as far as any style is laid there: the picture itself where all are."""
    if targets.kept is None:
        return picture
    coverage, content = targets.kept
    result = np.empty_like(picture)

    def band(rows: slice) -> None:
        result[rows] = content[rows] + coverage[rows] * (picture[rows] - content[rows])

    each_rows(picture, band)
    return result


def _optimizer(spec: StyleSpec) -> Optimizer:
    match spec.optimizer.method:
        case "adam":
            return Adam(spec.optimizer, spec.learning_rate, spec.clip, averaged=spec.loss != "sums")
        case "lbfgs":
            return LBFGS(spec.optimizer.history, spec.learning_rate, spec.clip)
