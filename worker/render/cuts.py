"""How a rendering's octaves were cut: its checkpoints say so, for another cut rounds the last bits otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.tiles import Cut


@dataclass(frozen=True)
class Cuts:
    """The cut of each octave, the coarsest first."""

    each: tuple[Cut, ...]
    #: Octaves (from 1) that ended with another cut than they were begun with.
    changed: tuple[int, ...] = ()

    def after(self, before: Cuts, octave: int, iteration: int) -> Cuts:
        """The cuts `before` up to that iteration of that octave (both from 0), and these from there on."""
        changed = {number for number in before.changed if number <= octave + (iteration > 0)}
        if iteration and before.each[octave] != self.each[octave]:
            changed.add(octave + 1)
        return Cuts((*before.each[:octave], *self.each[octave:]), tuple(sorted(changed)))

    def as_array(self) -> NDArray[np.int64]:
        """(octaves, 3): the longest side of tiles, whether all activations were kept, whether the cut changed within."""
        rows = [(cut.tile, cut.keep, number in self.changed) for number, cut in enumerate(self.each, 1)]
        return np.array(rows, np.int64)

    @classmethod
    def of_array(cls, rows: NDArray[Any]) -> Cuts:
        """What `as_array` made."""
        changed = tuple(number for number, row in enumerate(rows, 1) if row[2])
        return cls(tuple(Cut(int(tile), bool(keep)) for tile, keep, _ in rows), changed)


def cuts_of(state: Mapping[str, NDArray[Any]]) -> tuple[Cut, ...]:
    """The cuts in a rendering's state, for `plan`; none in that of a version that did not keep them."""
    return Cuts.of_array(state["cuts"]).each if "cuts" in state else ()
