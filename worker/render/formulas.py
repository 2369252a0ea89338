"""Losses of style transfer: how much a difference in a layer counts.

All are written for means over cells, which do not depend on a picture's size, so that pictures of any size can lend their
style. The losses are `style_weight` · style + `content_weight` · content + `tv_weight` · variation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from worker.render.objectives import Kind
from worker.render.recipe import FloatArray


class Formula(Protocol):
    """One way of weighing differences."""

    #: What layers are compared by.
    kinds: tuple[Kind, ...]

    def style_weights(self, weights: Sequence[float]) -> list[float]:
        """What each style layer counts for, given the weights that were asked for."""

    def style(self, target: FloatArray) -> float:
        """What ‖mean − `target`‖² is multiplied with; a Gram matrix (C, C) or means (C,), divided by the cells."""

    def content(self, target: FloatArray, layers: int) -> float:
        """What the mean over cells of ‖activations − `target`‖² is multiplied with, with so many content layers.

        `target`: activations (1, h, w, C).
        """

    def variation(self, pixels: int) -> float:
        """What the mean variation of so many pixels is multiplied with."""


class Energy:
    """Everything in units of the target's own energy, so that layers weigh what their weights say."""

    kinds: tuple[Kind, ...] = ("gram", "sums")

    def style_weights(self, weights: Sequence[float]) -> list[float]:
        """Relative to their mean."""
        return [weight * len(weights) / sum(weights) for weight in weights]

    def style(self, target: FloatArray) -> float:
        """1 / ‖target‖²."""
        # A style may leave a whole layer silent.
        return 1 / max(float(np.square(target, dtype=np.float64).sum()), 1e-12)

    def content(self, target: FloatArray, layers: int) -> float:  # noqa: ARG002 - they do not matter here
        """1 / the mean over cells of ‖target‖²."""
        # Row by row, because activations take more memory than the picture does.
        energy = sum(float(np.square(row, dtype=np.float64).sum()) for row in target[0])
        cells: int = target.shape[1] * target.shape[2]
        return cells / max(energy, 1e-12)

    def variation(self, pixels: int) -> float:  # noqa: ARG002 - they do not matter here
        """1."""
        return 1.0


class Gatys:
    """The formulas of Gatys, Ecker and Bethge 2015 ("A Neural Algorithm of Artistic Style"), content as in common use.

    N channels, M cells: Σ (G − A)² / (4N²M²) of the Gram matrices, which are sums over cells; Σ (x − p)² / (4NM).
    """

    kinds: tuple[Kind, ...] = ("gram",)

    def style_weights(self, weights: Sequence[float]) -> list[float]:
        """As they are."""
        return list(weights)

    def style(self, target: FloatArray) -> float:
        """1 / 4N²; the other factor is in the means."""
        return 1 / (4 * len(target) ** 2)

    def content(self, target: FloatArray, layers: int) -> float:  # noqa: ARG002 - each counts in full
        """1 / 4N."""
        channels: int = target.shape[-1]
        return 1 / (4 * channels)

    def variation(self, pixels: int) -> float:  # noqa: ARG002 - they do not matter here
        """1; the paper has none."""
        return 1.0


class Sums(Gatys):
    """As Keras' examples do it: averaged over the layers; content and variation as sums over the whole picture."""

    def style_weights(self, weights: Sequence[float]) -> list[float]:
        """Divided by the number of layers."""
        return [weight / len(weights) for weight in weights]

    def content(self, target: FloatArray, layers: int) -> float:
        """The number of cells / the number of layers."""
        cells: int = target.shape[1] * target.shape[2]
        return cells / layers

    def variation(self, pixels: int) -> float:
        """The number of pixels."""
        return float(pixels)


FORMULAS: dict[Literal["energy", "gatys", "sums"], Formula] = {"energy": Energy(), "gatys": Gatys(), "sums": Sums()}
