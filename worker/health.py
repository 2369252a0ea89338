"""How well this worker is: whether the last failures may be its own fault, and how long it rests after them."""

from __future__ import annotations

#: Longest rest: whoever mends a disk or a driver sees within a minute that it was enough.
_LONGEST_REST = 60.0


class Health:
    """Of one process.

    A worker on which every slice fails at once is always free. Unless it rests, it takes nearly every message, while the
    others render; so it rests for longer each time, until one of its slices gets on.
    """

    def __init__(self) -> None:
        self._rest = 0.0
        self._new = True

    def born(self, deaths: int, first: float) -> float:
        """A slice may begin; how long to rest before this process's first one, given how often in a row its predecessors
        died under theirs. Once is an accident, and nobody waits.
        """
        new, self._new = self._new, False
        return min(_LONGEST_REST, first * 2.0 ** (deaths - 2)) if new and deaths > 1 else 0.0

    def well(self) -> None:
        """A slice got on."""
        self._rest = 0.0

    def failed(self, first: float) -> float:
        """Another slice failed for what may be this worker's fault; how long to rest now, `first` the first time."""
        self._rest = min(_LONGEST_REST, 2 * self._rest or first)
        return self._rest
