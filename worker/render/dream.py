"""Dreams: gradient ascent on the activations of chosen layers, from small octaves to large."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from shared.pixels import Pixels
from shared.plan import Plan
from shared.resampling import Resampled
from shared.specs import DreamSpec
from worker.networks.network import Network
from worker.render.banded import each_rows
from worker.render.errors import NotFinite
from worker.render.gradients import Engine, program
from worker.render.guide import guide_features
from worker.render.normalise import Normalise, blur, by_bands, by_mean_abs, by_std, correlate, is_finite, unit_of
from worker.render.objectives import WeightedSum, statistic_of
from worker.render.randomness import generator
from worker.render.recipe import FloatArray, Interrupt, Slots, never
from worker.render.resample import add_detail, cropped, empty_canvas, fill_margin, resize
from worker.render.tiles import Canvas, Maps

#: Uniform noise of one grey level over this one is what dreams without a picture start from.
NOISE_LEVEL = 100.0


class Dream:
    """The recipe of a dream (Mordvintsev, Olah and Tyka 2015)."""

    def __init__(self, spec: DreamSpec, plan: Plan, network: Network, pictures: Mapping[str, Pixels]) -> None:
        self._spec, self._plan, self._network = spec, plan, network
        self._picture = None if spec.input is None else pictures["input"]
        self._guide = None if spec.guide is None else pictures["guide"]
        self._normalise = _normalisation(spec, network)
        self._objective = WeightedSum(tuple(statistic_of(term, network.card) for term in spec.objective))
        self._weights = [
            # A whole layer's statistic is a mean over its channels too.
            term.weight / (1 if term.channel is not None else network.graph.channels(term.layer))
            for term in spec.objective
        ]

    def start(self) -> Slots:
        """The picture, or noise, at the size of the first octave."""
        first = self._plan.octaves[0]
        canvas = empty_canvas(first)
        inside = cropped(canvas, first)
        if self._picture is None:
            inside[:] = generator(self._spec.seed, 0, 0).random(inside.shape, np.float32)
            inside += np.float32(NOISE_LEVEL)
        elif self._spec.detail == "before":
            resize(self._shrunk(0), first.height, first.width, never, out=inside)
        else:
            resize(self._picture, first.height, first.width, never, out=inside)
        fill_margin(canvas, first)
        return {"picture": canvas}

    def enlarge(self, slots: Slots, octave: int, interrupt: Interrupt) -> Slots:
        """The picture at the next octave's size, where asked for with the detail that shrinking took from the original."""
        before, now = self._plan.octaves[octave - 1 : octave + 1]
        canvas = empty_canvas(now)
        inside = cropped(canvas, now)
        resize(cropped(slots["picture"], before), now.height, now.width, interrupt, out=inside)
        if self._picture is not None and self._spec.detail == "before":
            base = self._shrunk(octave)
            add_detail(inside, base, resize(base, before.height, before.width, interrupt), interrupt)
        fill_margin(canvas, now)
        return {"picture": canvas}

    def iterate(self, slots: Slots, octave: int, iteration: int, interrupt: Interrupt) -> tuple[float, Slots]:
        """One step up the gradient; none where the octave has reached its largest score."""
        score, changed = self._step(slots, octave, iteration, interrupt)
        now = self._plan.octaves[octave]
        if octave and iteration + 1 == now.iterations and self._picture is not None and self._spec.detail == "after":
            before = self._plan.octaves[octave - 1]
            canvas = changed["picture"].copy() if changed["picture"] is slots["picture"] else changed["picture"]
            shrunk = resize(self._picture, before.height, before.width, interrupt)
            add_detail(cropped(canvas, now), self._picture, shrunk, interrupt)
            changed = {**changed, "picture": canvas}
        return score, changed

    def show(self, slots: Slots, octave: int) -> FloatArray:
        """The picture, clipped to 0–255 as only frames and outputs are: iterations may overshoot and come back."""
        return np.clip(cropped(slots["picture"], self._plan.octaves[octave]), 0, 255)

    def _step(self, slots: Slots, octave: int, iteration: int, interrupt: Interrupt) -> tuple[float, Slots]:
        if "reached" in slots:
            return float(slots["reached"]), slots
        picture = slots["picture"]
        shift = self._shift(octave, iteration)
        score, gradient = self._engines[octave].gradient(picture, self._weights, self._maps, interrupt, shift=shift)
        if not (np.isfinite(score) and is_finite(gradient)):
            raise NotFinite("gradient", octave + 1, iteration + 1)
        if self._spec.max_score is not None and score > self._spec.max_score:
            return score, {**slots, "reached": np.array(score, np.float32)}
        if self._spec.gradient.blur:
            blur(gradient, self._spec.gradient.blur, interrupt)
        if self._spec.gradient.decorrelate:
            correlate(gradient, self._spec.gradient.decorrelate)
        self._normalise(gradient, interrupt)
        # The picture itself stays as it is, so that whatever is raised leaves nothing behind.
        changed = self._added(gradient, picture)
        if not is_finite(changed):
            raise NotFinite("picture", octave + 1, iteration + 1)
        return score, {"picture": changed}

    def _added(self, gradient: FloatArray, picture: FloatArray) -> FloatArray:
        """The picture plus a step along the gradient, written over it."""

        def band(rows: slice) -> None:
            changed = gradient[rows]
            changed *= np.float32(self._spec.step)
            changed += picture[rows]
            if self._spec.clip:
                np.clip(changed, 0, 255, out=changed)

        each_rows(gradient, band)
        return gradient

    @cached_property
    def _engines(self) -> list[Engine]:
        compiled = program(self._network, self._objective)
        return [Engine(compiled, Canvas.of(octave)) for octave in self._plan.octaves]

    @cached_property
    def _maps(self) -> Maps:
        """What the statistics compare with: the guide's features."""
        guided = tuple(dict.fromkeys(s.layer for s in self._objective.statistics if s.kind == "guided"))
        if not guided:
            return [None] * len(self._objective.statistics)
        assert self._guide is not None  # the specification sees to it
        found = guide_features(self._network, guided, self._guide)
        return [found[s.layer] if s.kind == "guided" else None for s in self._objective.statistics]

    def _shift(self, octave: int, iteration: int) -> tuple[int, int]:
        """The random shift of an iteration, in pixels: anywhere for independent tiles, else as far as `jitter`."""
        draw = generator(self._spec.seed, octave + 1, iteration + 1)
        now = self._plan.octaves[octave]
        if self._spec.tiling.mode == "roll":
            return int(draw.integers(now.canvas_height)), int(draw.integers(now.canvas_width))
        jitter = self._spec.jitter
        return int(draw.integers(-jitter, jitter + 1)), int(draw.integers(-jitter, jitter + 1))

    def _shrunk(self, octave: int) -> Resampled:
        """The original at the size of an octave, shrunk step by step."""
        assert self._picture is not None  # only pictures have detail to give back
        base: Pixels | Resampled = self._picture
        for smaller in reversed(self._plan.octaves[octave:]):
            base = Resampled(base, smaller.height, smaller.width)
        assert isinstance(base, Resampled)
        return base


def _normalisation(spec: DreamSpec, network: Network) -> Normalise:
    match spec.gradient.normalise:
        case "std":
            return by_std(unit_of(network))
        case "mean_abs":
            return by_mean_abs(unit_of(network))
        case "laplacian":
            return by_bands(spec.gradient.levels, unit_of(network))
