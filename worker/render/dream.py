"""Dreams: gradient ascent on the activations of chosen layers, from small octaves to large."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from shared.pixels import Pixels
from shared.plan import Plan
from shared.specs import DreamSpec, Objective
from worker.networks.network import Network
from worker.render.errors import NotFinite
from worker.render.gradients import Engine, program
from worker.render.normalise import Normalise, by_bands, by_mean_abs, by_std
from worker.render.objectives import Kind, Statistic, WeightedSum
from worker.render.randomness import generator
from worker.render.recipe import FloatArray, Interrupt, Slots, never
from worker.render.resample import cropped, on_canvas, resize
from worker.render.tiles import Canvas

#: Uniform noise of one grey level over this one is what dreams without a picture start from.
NOISE_LEVEL = 100.0


class Dream:
    """The recipe of a dream (Mordvintsev, Olah and Tyka 2015)."""

    def __init__(self, spec: DreamSpec, plan: Plan, network: Network, picture: Pixels | None) -> None:
        self._spec, self._plan, self._network = spec, plan, network
        self._picture = picture
        self._normalise = _normalisation(spec)
        terms = [_statistic(term, network) for term in spec.objective]
        self._objective = WeightedSum(tuple(terms))
        self._weights = [
            # A whole layer's statistic is a mean over its channels too.
            term.weight / (1 if term.channel is not None else network.graph.channels(term.layer))
            for term in spec.objective
        ]

    def start(self) -> Slots:
        """The picture, or noise, at the size of the first octave."""
        first = self._plan.octaves[0]
        if self._picture is None:
            noise = generator(self._spec.seed, 0, 0).random((first.height, first.width, 3), np.float32)
            return {"picture": on_canvas(noise + np.float32(NOISE_LEVEL), first)}
        if self._spec.detail == "none":
            return {"picture": on_canvas(resize(self._picture, first.height, first.width, never), first)}
        picture = self._base(0, never)
        return {"picture": on_canvas(picture, first)}

    def enlarge(self, slots: Slots, octave: int, interrupt: Interrupt) -> Slots:
        """The picture at the next octave's size, with the detail that shrinking took from the original."""
        before, now = self._plan.octaves[octave - 1 : octave + 1]
        picture = resize(cropped(slots["picture"], before), now.height, now.width, interrupt)
        if self._picture is not None and self._spec.detail != "none":
            base = self._base(octave, interrupt)
            shrunk = resize(base, before.height, before.width, interrupt)
            picture = picture + (base - resize(shrunk, now.height, now.width, interrupt))
        return {"picture": on_canvas(picture, now)}

    def iterate(self, slots: Slots, octave: int, iteration: int, interrupt: Interrupt) -> tuple[float, Slots]:
        """One step up the gradient; none where the octave has reached its largest score."""
        if "reached" in slots:
            return float(slots["reached"]), slots
        picture = slots["picture"]
        shift = self._shift(octave, iteration)
        rolled = np.roll(picture, shift, (0, 1)) if any(shift) else picture
        score, gradient = self._engines[octave].gradient(rolled, self._weights, [None] * len(self._weights), interrupt)
        if not (np.isfinite(score) and np.isfinite(gradient.sum(dtype=np.float64))):
            raise NotFinite("gradient", octave + 1, iteration + 1)
        if self._spec.max_score is not None and score > self._spec.max_score:
            return score, {**slots, "reached": np.array(score, np.float32)}
        if any(shift):
            gradient = np.roll(gradient, (-shift[0], -shift[1]), (0, 1))
        change = self._normalise(gradient, interrupt)
        change *= np.float32(self._spec.step)
        change += picture
        if not np.isfinite(change.sum(dtype=np.float64)):
            raise NotFinite("picture", octave + 1, iteration + 1)
        return score, {"picture": np.clip(change, 0, 255, out=change) if self._spec.clip else change}

    def show(self, slots: Slots, octave: int) -> FloatArray:
        """The picture, clipped to 0–255 as only frames and outputs are: iterations may overshoot and come back."""
        return np.clip(cropped(slots["picture"], self._plan.octaves[octave]), 0, 255)

    @cached_property
    def _engines(self) -> list[Engine]:
        compiled = program(self._network, self._objective)
        return [Engine(compiled, Canvas.of(octave)) for octave in self._plan.octaves]

    def _shift(self, octave: int, iteration: int) -> tuple[int, int]:
        """The random shift of an iteration, in pixels: anywhere for independent tiles, else as far as `jitter`."""
        draw = generator(self._spec.seed, octave + 1, iteration + 1)
        now = self._plan.octaves[octave]
        if self._spec.tiling.mode == "roll":
            return int(draw.integers(now.canvas_height)), int(draw.integers(now.canvas_width))
        jitter = self._spec.jitter
        return int(draw.integers(-jitter, jitter + 1)), int(draw.integers(-jitter, jitter + 1))

    def _base(self, octave: int, interrupt: Interrupt) -> FloatArray:
        """The original at the size of an octave, shrunk step by step."""
        assert self._picture is not None  # only pictures have detail to give back
        last = self._plan.octaves[-1]
        base = resize(self._picture, last.height, last.width, interrupt)
        for smaller in reversed(self._plan.octaves[octave:-1]):
            base = resize(base, smaller.height, smaller.width, interrupt)
        return base


def _statistic(term: Objective, network: Network) -> Statistic:
    kind: Kind = "squares" if term.statistic == "mean_square" else "sum"
    layer = network.card.find_layer(term.layer)
    channel = None if term.channel is None else layer.find_channel(term.channel)
    return Statistic(term.layer, kind, channel, term.border)


def _normalisation(spec: DreamSpec) -> Normalise:
    match spec.gradient.normalise:
        case "std":
            return by_std
        case "mean_abs":
            return by_mean_abs
        case "laplacian":
            return by_bands(spec.gradient.levels)
