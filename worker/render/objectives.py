"""Objectives: from a layer's activations to statistics that add up over cells, and from statistics to one number.

Because statistics are sums over cells, they can be gathered tile by tile, and the derivative of any function of them
can be handed back to each tile by itself: that is what makes tiles exact (`worker.render.gradients`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import tensorflow as tf

from shared import specs
from shared.cards import Card

#: How a statistic looks at activations (1, h, w, C); the result's shape.
#: `sum`: of one channel or all, (); `squares`: sum of squares, (); `sums`: per channel, (C,); `gram`: (C, C);
#: `masked_sums`, `masked_gram`: the same, each cell times its value in a given mask (1, h, w, 1);
#: `distance`: sum of squared differences to a given map of activations, ();
#: `guided`: sum of each cell's dot product with the cell of a guide's activations for which it is largest, ().
Kind = Literal["sum", "squares", "sums", "gram", "masked_sums", "masked_gram", "distance", "guided"]


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
        """The statistic of activations (1, h, w, C).

        `reference` is the mask (1, h, w, 1) of masked statistics, for `distance` a map of the activations' shape, and
        for `guided` the guide's activations (1, any, any, C).
        """
        if self.channel is not None:
            activations = activations[..., self.channel]
        match self.kind:
            case "sum":
                return tf.reduce_sum(activations)
            case "squares":
                return tf.reduce_sum(tf.square(activations))
            case "sums":
                return tf.reduce_sum(activations, axis=(0, 1, 2))
            case "masked_sums":
                return tf.reduce_sum(activations * reference, axis=(0, 1, 2))
            case "gram":
                return _gram(activations)
            case "masked_gram":
                return _gram(activations, reference)
            case "distance":
                return tf.reduce_sum(tf.math.squared_difference(activations, reference))
            case "guided":
                return tf.reduce_sum(activations * _best_matches(activations, reference))


#: Cells that are compared with all of a guide's at a time: 64 MiB of likenesses at most (of 256 × 256 cells).
_COMPARED = 256
_KINDS: dict[str, Kind] = {"mean": "sum", "mean_square": "squares", "guided": "guided"}


def statistic_of(term: specs.Objective, card: Card) -> Statistic:
    """What a term of a specification looks at. Raises UnknownLayer, UnknownChannel."""
    layer = card.find_layer(term.layer)
    channel = None if term.channel is None else layer.find_channel(term.channel)
    kind = _KINDS[term.statistic]
    return Statistic(term.layer, kind, channel, term.border, shared=kind == "guided")


class Objective(Hashable, Protocol):
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
    """Statistics near those of a style, and others that simply count: what style transfers minimise.

    Parameters: for each matched statistic a coefficient and the target, of the statistic's shape; then a coefficient for
    each counted statistic.
    """

    #: Gram matrices and sums per channel.
    matched: tuple[Statistic, ...]
    #: Distances to the content, and what is dreamt into the picture.
    counted: tuple[Statistic, ...]
    linear: bool = False

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """The matched statistics, then the counted ones."""
        return self.matched + self.counted

    @property
    def parameter_count(self) -> int:
        """Coefficient and target of each matched statistic, coefficient of each counted one."""
        return 2 * len(self.matched) + len(self.counted)

    def loss(self, means: Sequence[Any], parameters: Sequence[Any]) -> Any:
        """Σ coefficient · ‖mean − target‖² over the matched statistics + Σ coefficient · mean over the counted ones."""
        matched = 2 * len(self.matched)
        terms = [
            coefficient * tf.reduce_sum(tf.math.squared_difference(mean, target))
            for mean, coefficient, target in zip(means, parameters[:matched:2], parameters[1:matched:2], strict=False)
        ]
        terms += [c * mean for c, mean in zip(parameters[matched:], means[len(self.matched) :], strict=True)]
        return tf.add_n(terms)


def _gram(activations: Any, mask: Any = None) -> Any:
    """Σ a·aᵀ over the cells of activations (1, h, w, C), each times its value in a mask (1, h, w, 1) if given: (C, C)."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def gram(activations: Any) -> Any:
        cells = _cells(activations)
        weighted = cells if mask is None else cells * tf.reshape(mask, (-1, 1))

        def gradient(slope: Any) -> Any:
            # One product with both halves of a symmetric matrix instead of one with each.
            return tf.reshape(tf.matmul(weighted, slope + tf.transpose(slope)), tf.shape(activations))

        return tf.matmul(weighted, cells, transpose_a=True), gradient

    return gram(activations)


def _cells(activations: Any) -> Any:
    """Activations (1, h, w, C) as (h·w, C)."""
    return tf.reshape(activations, (-1, activations.shape[-1]))


def _best_matches(activations: Any, guide: Any) -> Any:
    """For each cell of activations (1, h, w, C) that cell of the guide's (1, any, any, C) whose dot product is largest.

    Which one that is counts as given: no gradient leads through the choice. Every cell is compared with every other, a
    few at a time.
    """
    channels = activations.shape[-1]
    cells = tf.reshape(tf.stop_gradient(activations), (-1, channels))
    known = tf.reshape(tf.cast(guide, activations.dtype), (-1, channels))
    # Blocks of one size also when there are no cells at all, as in tiles that own nothing but the picture's border.
    missing = -tf.shape(cells)[0] % _COMPARED
    blocks = tf.reshape(tf.pad(cells, ((0, missing), (0, 0))), (-1, _COMPARED, channels))

    def best(block: Any) -> Any:
        return tf.argmax(tf.matmul(block, known, transpose_b=True), axis=1)

    found = tf.map_fn(best, blocks, parallel_iterations=1, fn_output_signature=tf.TensorSpec(_COMPARED, tf.int64))
    matches = tf.gather(known, tf.reshape(found, (-1,))[: tf.shape(cells)[0]])
    return tf.stop_gradient(tf.reshape(matches, tf.shape(activations)))
