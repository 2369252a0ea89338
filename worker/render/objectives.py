"""Objectives: from a layer's activations to statistics that add up over cells, and from statistics to one number.

Because statistics are sums over cells, they can be gathered tile by tile, and the derivative of any function of them
can be handed back to each tile by itself: that is what makes tiles exact (`worker.render.gradients`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import tensorflow as tf

#: How a statistic looks at activations (1, h, w, C); the result's shape.
#: `sum`: of one channel or all, (); `squares`: sum of squares, (); `sums`: per channel, (C,); `gram`: (C, C);
#: `distance`: sum of squared differences to a given map of activations, ().
Kind = Literal["sum", "squares", "sums", "gram", "distance"]


@dataclass(frozen=True)
class Statistic:
    """A sum over the cells of a layer, of all its channels or of one, but for a border of so many cells."""

    layer: str
    kind: Kind
    channel: int | None = None
    border: int = 0
    #: Whether every tile sees the whole reference map instead of the part that lies at its own cells.
    shared: bool = False

    def of(self, activations: Any, reference: Any) -> Any:
        """The statistic of activations (1, h, w, C); `reference`, of the same shape, is for `distance` only."""
        if self.channel is not None:
            activations = activations[..., self.channel]
        match self.kind:
            case "sum":
                return tf.reduce_sum(activations)
            case "squares":
                return tf.reduce_sum(tf.square(activations))
            case "sums":
                return tf.reduce_sum(activations, axis=(0, 1, 2))
            case "gram":
                cells = tf.reshape(activations, (-1, activations.shape[-1]))
                return tf.matmul(cells, cells, transpose_a=True)
            case "distance":
                return tf.reduce_sum(tf.math.squared_difference(activations, reference))


class Objective(Protocol):
    """A function of statistics. Objectives are compared by value, so that compiled programs can be kept by them."""

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """What the objective looks at."""

    @property
    def linear(self) -> bool:
        """Whether the loss is linear in the statistics: its derivative is known before any tile has been seen."""

    @property
    def parameter_count(self) -> int:
        """How many parameters the loss takes."""

    def loss(self, means: Sequence[Any], parameters: Sequence[Any]) -> Any:
        """One number, from the statistics divided by the number of cells, and from numbers given at each call."""


@dataclass(frozen=True)
class WeightedSum:
    """Statistics times weights, added up: what dreams maximise. Parameters: the weights."""

    statistics: tuple[Statistic, ...]
    linear: bool = True

    @property
    def parameter_count(self) -> int:
        """One weight for each statistic."""
        return len(self.statistics)

    def loss(self, means: Sequence[Any], parameters: Sequence[Any]) -> Any:
        """Σ weight · mean."""
        return tf.add_n([weight * mean for weight, mean in zip(parameters, means, strict=True)])


@dataclass(frozen=True)
class StyleLoss:
    """Gram matrices and means near those of a style, activations near those of a content.

    Each layer's differences are measured in units of the target's own energy, so that layers weigh what their weights
    say. Parameters: for each style layer its weight, Gram matrix and means; for each content layer its weight, which
    already holds the division by the content's energy.
    """

    style_layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    linear: bool = False

    @property
    def parameter_count(self) -> int:
        """Weight, Gram matrix and means of each style layer; the weight of each content layer."""
        return 3 * len(self.style_layers) + len(self.content_layers)

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Gram matrix and sums of each style layer, then the distance of each content layer."""
        styles = [Statistic(layer, kind) for layer in self.style_layers for kind in STYLE_KINDS]
        return (*styles, *(Statistic(layer, "distance") for layer in self.content_layers))

    def loss(self, means: Sequence[Any], parameters: Sequence[Any]) -> Any:
        """The weighted sum of all differences."""
        terms = []
        for i in range(len(self.style_layers)):
            weight, *targets = parameters[3 * i : 3 * i + 3]
            terms += [
                weight
                * tf.reduce_sum(tf.math.squared_difference(mean, target))
                # A style may leave a whole layer silent.
                / tf.maximum(tf.reduce_sum(tf.square(target)), 1e-12)
                for mean, target in zip(means[2 * i : 2 * i + 2], targets, strict=True)
            ]
        distances, weights = means[2 * len(self.style_layers) :], parameters[3 * len(self.style_layers) :]
        terms += [weight * distance for weight, distance in zip(weights, distances, strict=True)]
        return tf.add_n(terms)


STYLE_KINDS: tuple[Kind, Kind] = ("gram", "sums")
