"""How a style transfer goes down its loss: Adam, or L-BFGS (`worker.render.lbfgs`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from shared.plan import OctavePlan
from shared.specs import Optimizer as OptimizerSpec
from worker.render.banded import each_rows, scale
from worker.render.recipe import FloatArray, Interrupt, Slots
from worker.render.resample import cropped, empty_canvas, fill_margin, resize, resize_positive

#: Pixels of the pictures that the recipes' numbers are meant for.
_RECIPES_PIXELS = 512 * 512
#: The loss of a picture (H, W, 3), and its gradient, a new array. May raise NotFinite, and what interrupts raise.
Evaluate = Callable[[FloatArray], tuple[float, FloatArray]]


class Optimizer(Protocol):
    """Changes the picture so that its loss falls. All that it remembers is in the slots, beside `picture`."""

    def begin(self, picture: FloatArray) -> Slots:
        """The slots of a picture (H, W, 3) at rest."""

    def enlarge(self, slots: Slots, before: OctavePlan, now: OctavePlan, interrupt: Interrupt) -> Slots:
        """The slots at the next octave's size, in new arrays."""

    def step(self, slots: Slots, evaluate: Evaluate, count: int) -> tuple[float, Slots]:
        """The loss before the `count`th step (from 1, over all octaves), and the slots after it.

        The arrays of the given slots may be changed in place, but not before the last evaluation is done: until then
        an exception leaves them as they were.
        """


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015). Its moments are enlarged with the picture: a new octave goes on where the last headed."""

    spec: OptimizerSpec
    #: In units of 0–255 colour values.
    rate: float
    #: Whether the picture is kept in 0–255: Adam's steps are as long in saturated places as elsewhere.
    clip: bool
    #: Whether the loss is a mean over the picture, of which each pixel's share falls with their number.
    averaged: bool

    def begin(self, picture: FloatArray) -> Slots:
        """Both moments 0."""
        return {"picture": picture, "first_moment": np.zeros_like(picture), "second_moment": np.zeros_like(picture)}

    def enlarge(self, slots: Slots, before: OctavePlan, now: OctavePlan, interrupt: Interrupt) -> Slots:
        """Picture and moments, these in the units of the next octave's gradients."""
        # Of a mean over cells: with more pixels, each one's gradient is smaller by the ratio of the areas.
        ratio = before.height * before.width / (now.height * now.width) if self.averaged else 1.0
        first = enlarged(slots["first_moment"], before, now, interrupt, positive=True)
        second = enlarged(slots["second_moment"], before, now, interrupt, positive=True)
        scale(first, ratio)
        scale(second, ratio**2)
        picture = enlarged(slots["picture"], before, now, interrupt)
        return {"picture": picture, "first_moment": first, "second_moment": second}

    def step(self, slots: Slots, evaluate: Evaluate, count: int) -> tuple[float, Slots]:
        """One evaluation, one step, in place."""
        picture, first, second = slots["picture"], slots["first_moment"], slots["second_moment"]
        loss, gradient = evaluate(picture)
        beta1, beta2, epsilon = self.spec.beta1, self.spec.beta2, np.float32(self._epsilon(picture))
        rate = np.float32(self.rate * np.sqrt(1 - beta2**count) / (1 - beta1**count))

        def band(rows: slice) -> None:
            slope = gradient[rows]
            first[rows] *= np.float32(beta1)
            first[rows] += np.float32(1 - beta1) * slope
            second[rows] *= np.float32(beta2)
            second[rows] += np.float32(1 - beta2) * np.square(slope)
            picture[rows] -= rate * first[rows] / (np.sqrt(second[rows]) + epsilon)
            if self.clip:
                np.clip(picture[rows], 0, 255, out=picture[rows])

        each_rows(picture, band)
        return loss, slots

    def _epsilon(self, picture: FloatArray) -> float:
        """Against division by zero: no more of a small gradient than of those that the recipes' pictures have."""
        height, width = picture.shape[:2]
        epsilon = self.spec.epsilon * (min(1.0, _RECIPES_PIXELS / (height * width)) if self.averaged else 1.0)
        # Where no style is laid the moments are 0, and the guard must not be.
        return max(epsilon, float(np.finfo(np.float32).tiny))


def enlarged(
    array: FloatArray, before: OctavePlan, now: OctavePlan, interrupt: Interrupt, *, positive: bool = False
) -> FloatArray:
    """A canvas (H, W, C) at the next octave's size; `positive`: what is not negative stays so."""
    canvas = empty_canvas(now)
    resample = resize_positive if positive else resize
    resample(cropped(array, before), now.height, now.width, interrupt, out=cropped(canvas, now))
    fill_margin(canvas, now)
    return canvas
