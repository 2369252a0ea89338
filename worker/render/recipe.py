"""What a recipe, dream or style, gives to the loop over octaves and iterations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Interrupt = Callable[[], None]


def never() -> None:
    """The interrupt of work that nobody interrupts."""


#: The picture (on its canvas, as `picture`) and the optimiser's arrays: all that an iteration changes.
Slots = Mapping[str, FloatArray]


class Recipe(Protocol):
    """One way of changing a picture, octave by octave. Octaves count from 0.

    What raises leaves the given slots as they were; an iteration that succeeds may have written over their arrays.
    `interrupt` is called whenever a piece of work is done, about every second; what it raises passes through.
    """

    def start(self) -> Slots:
        """The slots before the first iteration of the first octave."""

    def enlarge(self, slots: Slots, octave: int, interrupt: Interrupt) -> Slots:
        """The slots at the start of `octave`, from those at the end of the one before."""

    def iterate(self, slots: Slots, octave: int, iteration: int, interrupt: Interrupt) -> tuple[float, Slots]:
        """The objective's value before iteration `iteration` (from 0), and the slots after it. Raises NotFinite."""

    def show(self, slots: Slots, octave: int) -> FloatArray:
        """The picture (H, W, 3) of `octave` without its canvas' margin, in 0–255."""
