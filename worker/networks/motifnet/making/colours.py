"""Colours, and the mood that bends all colours of a picture together."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Colour(NamedTuple):
    """Red, green, blue and opacity, each in 0–1."""

    r: float
    g: float
    b: float
    a: float = 1.0

    def lit(self, factor: float) -> Colour:
        """Darker below 1; above 1 lighter, and nearer to white where it is light already."""
        if factor <= 1:
            return Colour(self.r * factor, self.g * factor, self.b * factor, self.a)
        return self.mixed(Colour(1.0, 1.0, 0.94), min((factor - 1) * 0.7, 1.0))

    def mixed(self, other: Colour, share: float) -> Colour:
        """With `share` (0–1) of the other colour; the opacity stays."""
        keep = 1 - share
        return Colour(
            self.r * keep + other.r * share, self.g * keep + other.g * share, self.b * keep + other.b * share, self.a
        )

    def faded(self, opacity: float) -> Colour:
        """With another opacity."""
        return self._replace(a=opacity)


BLACK = Colour(0.03, 0.03, 0.05)
WHITE = Colour(1.0, 1.0, 0.98)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour from hue (wraps at 1), saturation and value (clipped to 0–1)."""
    return Colour(*colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0)))


@dataclass(frozen=True)
class Mood:
    """How a picture bends the colours that its motifs ask for, so that they still go together."""

    #: Added to each hue.
    turn: float
    #: Standard deviation by which single hues leave the turned one.
    spread: float
    saturation: float
    value: float

    def colour(self, rng: np.random.Generator, hue: float, saturation: float, value: float) -> Colour:
        """The colour asked for, in this mood."""
        dh, ds, dv = rng.standard_normal(3)
        return hsv(
            hue + self.turn + dh * self.spread,
            saturation * self.saturation + 0.06 * ds,
            value * self.value + 0.06 * dv,
        )


def draw_mood(rng: np.random.Generator, freedom: float) -> Mood:
    """Most pictures keep the motifs' own colours; a share of about `freedom` (0–1) does not.

    A network learns colours only where they tell something: were every hue as likely, its dreams would be grey.
    """
    kind = rng.random()
    turn = rng.uniform(0, 1) if kind < freedom else rng.normal(0, 0.015)
    saturation = 0.0 if kind > 1 - 0.12 * freedom else rng.uniform(0.75, 1.3)
    return Mood(turn, rng.uniform(0.0, 0.03), saturation, rng.uniform(0.8, 1.12))
