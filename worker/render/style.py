"""Style transfer (Gatys, Ecker and Bethge 2016), coarse to fine: each scale starts from the last one, enlarged.

The statistics of content and styles are computed once per octave. Adam's moments are carried along, enlarged with the
picture, so that a new octave goes on where the last one was heading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.pixels import Pixels
from shared.plan import OctavePlan, Plan
from shared.specs import StyleSpec
from shared.tiles import cut, reach_of
from worker.networks.network import Network
from worker.render.color import luminance, matched, recoloured
from worker.render.errors import NotFinite
from worker.render.gradients import Engine, program
from worker.render.measure import features, means
from worker.render.objectives import STYLE_KINDS, Statistic, StyleLoss
from worker.render.randomness import generator
from worker.render.recipe import FloatArray, Interrupt, Slots, never
from worker.render.resample import cropped, extend, on_canvas, resize, resize_positive
from worker.render.tiles import Canvas
from worker.render.variation import total_variation

#: Starting noise spreads this far around the networks' middle grey (Gatys' implementations use ±20).
NOISE_SPREAD, NOISE_MIDDLE = 20.0, 117.0


@dataclass(frozen=True, eq=False)
class Targets:
    """What an octave is measured against: StyleLoss' parameters, and the reference map of each statistic."""

    parameters: list[FloatArray | float]
    maps: list[FloatArray | None]


class StyleTransfer:
    """The recipe of a style transfer. `pictures` holds `content` and `styles.N.asset`, (H, W, 3) as decoded."""

    def __init__(self, spec: StyleSpec, plan: Plan, network: Network, pictures: Mapping[str, Pixels]) -> None:
        self._spec, self._plan, self._network = spec, plan, network
        self._content = pictures["content"]
        self._styles: list[Pixels] = [pictures[f"styles.{i}.asset"] for i in range(len(spec.styles))]
        if spec.keep_colors:
            self._styles = [matched(style, self._content) for style in self._styles]
        self._objective = StyleLoss(
            tuple(item.layer for item in spec.style_layers), tuple(item.layer for item in spec.content_layers)
        )
        self._targets: tuple[int, Targets] | None = None

    def start(self) -> Slots:
        """The content, mixed with noise, at the size of the first octave; Adam at rest."""
        first = self._plan.octaves[0]
        content = self._content_at(0, never)
        noise = generator(self._spec.seed, 0, 0).uniform(-NOISE_SPREAD, NOISE_SPREAD, content.shape) + NOISE_MIDDLE
        share = np.float32(self._spec.noise)
        picture = share * noise.astype(np.float32) + (1 - share) * content
        slots = {"picture": picture, "first_moment": np.zeros_like(picture), "second_moment": np.zeros_like(picture)}
        return {name: on_canvas(array, first) for name, array in slots.items()}

    def enlarge(self, slots: Slots, octave: int, interrupt: Interrupt) -> Slots:
        """Picture and moments at the next octave's size."""
        before, now = self._plan.octaves[octave - 1], self._plan.octaves[octave]
        size = now.height, now.width
        # The loss is a mean over cells: with more pixels, each one's gradient is smaller by the ratio of the areas.
        ratio = np.float32(before.height * before.width / (now.height * now.width))
        larger = {
            "picture": resize(cropped(slots["picture"], before), *size, interrupt),
            "first_moment": resize_positive(cropped(slots["first_moment"], before), *size, interrupt) * ratio,
            "second_moment": resize_positive(cropped(slots["second_moment"], before), *size, interrupt) * ratio**2,
        }
        return {name: on_canvas(array, now) for name, array in larger.items()}

    def iterate(self, slots: Slots, octave: int, iteration: int, interrupt: Interrupt) -> tuple[float, Slots]:
        """One step of Adam down the loss."""
        targets = self._targets_of(octave, interrupt)
        picture = slots["picture"]
        loss, gradient = self._engines[octave].gradient(picture, targets.parameters, targets.maps, interrupt)
        if self._spec.tv_weight:
            variation, slope = total_variation(picture)
            loss += self._spec.tv_weight * variation
            gradient += np.float32(self._spec.tv_weight) * slope
        if not (np.isfinite(loss) and np.isfinite(gradient.sum(dtype=np.float64))):
            raise NotFinite("gradient", octave + 1, iteration + 1)
        steps = octave * self._plan.octaves[0].iterations + iteration + 1
        return loss, self._adam(slots, gradient, steps)

    def show(self, slots: Slots, octave: int) -> FloatArray:
        """The picture, in the content's colours where they are kept."""
        picture = cropped(slots["picture"], self._plan.octaves[octave])
        if self._spec.keep_colors:
            picture = recoloured(picture, self._content)
        return np.clip(picture, 0, 255)

    def _adam(self, slots: Slots, gradient: FloatArray, steps: int) -> Slots:
        adam = self._spec.optimizer
        first = adam.beta1 * slots["first_moment"] + np.float32(1 - adam.beta1) * gradient
        second = adam.beta2 * slots["second_moment"] + np.float32(1 - adam.beta2) * np.square(gradient)
        rate = np.float32(self._spec.learning_rate * np.sqrt(1 - adam.beta2**steps) / (1 - adam.beta1**steps))
        picture = slots["picture"] - rate * first / (np.sqrt(second) + np.float32(adam.epsilon))
        # Adam's steps are as long in saturated places as elsewhere, so the picture is kept in range as it goes.
        return {"picture": np.clip(picture, 0, 255), "first_moment": first, "second_moment": second}

    @cached_property
    def _engines(self) -> list[Engine]:
        compiled = program(self._network, self._objective)
        return [Engine(compiled, Canvas.of(octave)) for octave in self._plan.octaves]

    def _content_at(self, octave: int, interrupt: Interrupt) -> FloatArray:
        now = self._plan.octaves[octave]
        content = resize(self._content, now.height, now.width, interrupt)
        return luminance(content) if self._spec.keep_colors else content

    def _targets_of(self, octave: int, interrupt: Interrupt) -> Targets:
        """The targets of an octave; kept until the next one starts."""
        if self._targets is None or self._targets[0] != octave:
            self._targets = (octave, self._measure(octave, interrupt))
        return self._targets[1]

    def _measure(self, octave: int, interrupt: Interrupt) -> Targets:
        now = self._plan.octaves[octave]
        content = on_canvas(self._content_at(octave, interrupt), now)
        maps = features(self._network, self._objective.content_layers, content, Canvas.of(now), interrupt)
        parameters: list[FloatArray | float] = []
        style = self._style_statistics(now, interrupt)
        total = sum(item.weight for item in self._spec.style_layers)
        for i, item in enumerate(self._spec.style_layers):
            weight = self._spec.style_weight * item.weight * len(self._spec.style_layers) / total
            parameters += [weight, *style[2 * i : 2 * i + 2]]
        for item, reference in zip(self._spec.content_layers, maps, strict=True):
            # A mean over cells of the sum over channels, in units of the content's own.
            energy = float(np.square(reference).sum(axis=-1).mean(dtype=np.float64))
            parameters.append(self._spec.content_weight * item.weight / max(energy, 1e-12))
        return Targets(parameters, [None] * (2 * len(self._spec.style_layers)) + list(maps))

    def _style_statistics(self, octave: OctavePlan, interrupt: Interrupt) -> list[FloatArray]:
        """Gram matrix and means of each style layer, averaged over the styles by their weights."""
        layers = [self._network.card.find_layer(layer) for layer in self._objective.style_layers]
        reach = reach_of(layers)
        statistics = tuple(Statistic(layer.name, kind) for layer in layers for kind in STYLE_KINDS)
        total = sum(style.weight for style in self._spec.styles)
        sums: list[FloatArray] = []
        for style, picture in zip(self._spec.styles, self._styles, strict=True):
            factor = max(octave.height, octave.width) / max(picture.shape[:2])
            rows, columns = (max(round(side * factor), 1) for side in picture.shape[:2])
            height, width = (-(-side // reach.stride) * reach.stride for side in (rows, columns))
            canvas = Canvas(cut(height, octave.tile, reach), cut(width, octave.tile, reach))
            window = extend(resize(picture, rows, columns, interrupt), height, width)
            found = means(self._network, statistics, window, canvas, interrupt)
            share = np.float32(style.weight / total)
            sums = [share * m for m in found] if not sums else [a + share * m for a, m in zip(sums, found, strict=True)]
        return sums
