"""Limited-memory BFGS with a backtracking line search."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from shared.plan import OctavePlan
from worker.render.banded import add, dot, each_rows, scale
from worker.render.errors import NotFinite
from worker.render.optimizers import Evaluate, enlarged
from worker.render.recipe import FloatArray, Interrupt, Slots

#: Evaluations in one step, at most.
MOST_TRIES = 8
#: A step has to gain this share of what the slope promises (Armijo; Nocedal and Wright 2006, chapter 3.1).
_ENOUGH = 1e-4
#: Steps along which the slope rises by less, as a cosine, say nothing reliable about the curvature.
_LEAST_CURVATURE = 1e-8

#: A step (H, W, 3) and by how much it changed the gradient.
_Pair = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS (Nocedal and Wright 2006, algorithms 7.4 and 7.5), kept in bounds by projection.

    Slots: `step_i` and `change_i`, the remembered steps and the changes of the gradient along them, oldest first;
    `gradient` and `loss` at the picture, as the last line search found them; `converged` once no step lowers the loss.
    The loss never rises within an octave. A new octave starts without a memory: its loss is another function.
    """

    #: How many steps are remembered.
    history: int
    #: Root mean square of the first step, in units of 0–255 colour values.
    rate: float
    #: Whether the picture is kept in 0–255.
    clip: bool

    def begin(self, picture: FloatArray) -> Slots:
        """The picture alone."""
        return {"picture": picture}

    def enlarge(self, slots: Slots, before: OctavePlan, now: OctavePlan, interrupt: Interrupt) -> Slots:
        """The picture alone."""
        return {"picture": enlarged(slots["picture"], before, now, interrupt)}

    def step(self, slots: Slots, evaluate: Evaluate, count: int) -> tuple[float, Slots]:  # noqa: ARG002 - all alike
        """As many evaluations as the line search needs, one as a rule."""
        picture = slots["picture"]
        if "converged" in slots:
            return float(slots["loss"]), slots
        loss, gradient = (float(slots["loss"]), slots["gradient"]) if "gradient" in slots else evaluate(picture)
        pairs = _pairs(slots)
        found = self._search(picture, loss, gradient, pairs, evaluate)
        if found is None:
            here: dict[str, FloatArray] = {"picture": picture, "gradient": gradient, "loss": _number(loss)}
            # What is remembered may mislead; if there is nothing, this is as low as it gets.
            return loss, here if pairs else {**here, "converged": _number(1.0)}
        step, candidate, new_loss, new_gradient = found
        change = gradient
        scale(change, -1)
        add(change, 1, new_gradient)
        curvature = dot(step, change)
        if curvature > _LEAST_CURVATURE * math.sqrt(dot(step, step) * dot(change, change)):
            pairs = [*pairs, (step, change)][-self.history :]
        return loss, {
            "picture": candidate,
            "gradient": new_gradient,
            "loss": _number(new_loss),
            **{f"step_{i}": pair[0] for i, pair in enumerate(pairs)},
            **{f"change_{i}": pair[1] for i, pair in enumerate(pairs)},
        }

    def _search(
        self, picture: FloatArray, loss: float, gradient: FloatArray, pairs: list[_Pair], evaluate: Evaluate
    ) -> tuple[FloatArray, FloatArray, float, FloatArray] | None:
        """A step that lowers the loss enough, and picture, loss and gradient after it; None if there is none."""
        step = self._direction(picture, gradient, pairs)
        length = math.sqrt(dot(step, step) / step.size)
        if not pairs and length > 0:
            scale(step, self.rate / length)
        candidate = np.empty_like(picture)
        for _ in range(MOST_TRIES):
            self._move(picture, step, candidate)
            promised = dot(gradient, step)
            if promised >= 0:
                return None
            try:
                new_loss, new_gradient = evaluate(candidate)
            except NotFinite:
                # Too far: there are numbers nearer by.
                scale(step, 0.1)
                continue
            if new_loss < loss and new_loss <= loss + _ENOUGH * promised:
                return step, candidate, new_loss, new_gradient
            del new_gradient
            # The lowest point of the parabola through what is known.
            lowest = -promised / (2 * (new_loss - loss - promised))
            scale(step, min(max(lowest, 0.1), 0.5))
        return None

    def _direction(self, picture: FloatArray, gradient: FloatArray, pairs: list[_Pair]) -> FloatArray:
        """Minus the inverse Hessian, as the pairs know it, times the gradient: the two-loop recursion."""
        direction = gradient.copy()
        self._hold(picture, gradient, direction)
        curvatures = [dot(step, change) for step, change in pairs]
        shares = []
        for (step, change), curvature in zip(reversed(pairs), reversed(curvatures), strict=True):
            shares.append(dot(step, direction) / curvature)
            add(direction, -shares[-1], change)
        if pairs:
            change = pairs[-1][1]
            scale(direction, curvatures[-1] / dot(change, change))
        for (step, change), curvature, share in zip(pairs, curvatures, reversed(shares), strict=True):
            add(direction, share - dot(change, direction) / curvature, step)
        scale(direction, -1)
        self._hold(picture, gradient, direction)
        return direction

    def _hold(self, picture: FloatArray, gradient: FloatArray, direction: FloatArray) -> None:
        """Take out of a direction the values that are at their bound and would leave it (Bertsekas 1982)."""
        if not self.clip:
            return

        def band(rows: slice) -> None:
            now, slope = picture[rows], gradient[rows]
            direction[rows][((now <= 0) & (slope > 0)) | ((now >= 255) & (slope < 0))] = 0

        each_rows(picture, band)

    def _move(self, picture: FloatArray, step: FloatArray, candidate: FloatArray) -> None:
        """Write picture + step to `candidate`, in bounds; the step becomes what was really moved."""

        def band(rows: slice) -> None:
            np.add(picture[rows], step[rows], out=candidate[rows])
            if self.clip:
                np.clip(candidate[rows], 0, 255, out=candidate[rows])
            np.subtract(candidate[rows], picture[rows], out=step[rows])

        each_rows(picture, band)


def _pairs(slots: Slots) -> list[_Pair]:
    count = sum(name.startswith("step_") for name in slots)
    return [(slots[f"step_{i}"], slots[f"change_{i}"]) for i in range(count)]


def _number(value: float) -> FloatArray:
    """A number as slots hold it; float64, or a resumed line search would compare rounded losses."""
    return np.array(value)
