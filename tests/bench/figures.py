"""A measured figure, and whether it is what was promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """What was measured. `promise` is the bound, `sense` says from which side; None: only told."""

    name: str
    value: float
    unit: str
    promise: float | None = None
    sense: Literal["at most", "at least"] = "at most"

    @property
    def met(self) -> bool:
        """Whether the promise holds in this run."""
        if self.promise is None:
            return True
        return self.value <= self.promise if self.sense == "at most" else self.value >= self.promise

    def __str__(self) -> str:
        promised = "" if self.promise is None else f"   (promised: {self.sense} {self.promise:g} {self.unit})"
        mark = " " if self.promise is None else "✓" if self.met else "✗"
        return f"{mark} {self.name:<72} {_number(self.value):>9} {self.unit}{promised}".rstrip()


def _number(value: float) -> str:
    return f"{value:.1e}" if 0 < abs(value) < 0.01 else f"{value:.3f}"
