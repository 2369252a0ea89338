"""What a style transfer is measured against: the statistics of styles and content, once for each octave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.pixels import Pixels
from shared.plan import OctavePlan
from shared.specs import StyleSpec
from shared.tiles import cut, reach_of, round_up
from worker.networks.network import Network
from worker.render.color import Distribution, Matching, luminance
from worker.render.formulas import FORMULAS
from worker.render.masks import on_cells, on_octave
from worker.render.measure import features, means
from worker.render.objectives import Kind, Statistic, StyleLoss, statistic_of
from worker.render.recipe import FloatArray, Interrupt
from worker.render.resample import cropped, empty_canvas, extend, fill_margin, resize
from worker.render.tiles import Canvas

_MASKED: dict[Kind, Kind] = {"gram": "masked_gram", "sums": "masked_sums"}
#: A dreamt term is measured in units of its value in the content, or of this share of what is usual in its layer: what
#: is hardly there at all would count without limit.
_LEAST_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Targets:
    """What an octave is measured against."""

    #: StyleLoss' parameters.
    parameters: list[FloatArray | float]
    #: The reference map of each statistic.
    maps: list[FloatArray | None]
    #: What the mean variation counts for.
    variation: float
    #: How far styles are laid over each pixel of the canvas (H, W, 1), in 0–1, and the content (H, W, 3) that shows
    #: where they are not; None where a style is laid everywhere.
    kept: tuple[FloatArray, FloatArray] | None


@dataclass(frozen=True, eq=False)
class _Style:
    """A style's picture, and what is done to it where colours are kept."""

    picture: Pixels
    weight: float
    matching: Matching | None


@dataclass(frozen=True, eq=False)
class _Group:
    """Styles whose statistics are averaged, and where they are laid: everywhere, or as one mask says."""

    styles: tuple[_Style, ...]
    mask: Pixels | None

    @property
    def weight(self) -> float:
        return sum(style.weight for style in self.styles)


class Measuring:
    """Measures styles and content. `pictures`: as for `StyleTransfer`."""

    def __init__(self, spec: StyleSpec, network: Network, pictures: Mapping[str, Pixels]) -> None:
        self._spec, self._network = spec, network
        self._content = pictures["content"]
        self._formula = FORMULAS[spec.loss]
        self._groups = _grouped(spec, pictures)

    @cached_property
    def objective(self) -> StyleLoss:
        """What is minimised, up to the parameters that `of` measures."""
        matched = tuple(
            Statistic(item.layer, kind if group.mask is None else _MASKED[kind])
            for group in self._groups
            for item in self._spec.style_layers
            for kind in self._formula.kinds
        )
        distances = tuple(Statistic(item.layer, "distance") for item in self._spec.content_layers)
        return StyleLoss(matched, distances + self._dreamt)

    def content(self, octave: OctavePlan, interrupt: Interrupt) -> FloatArray:
        """The content on an octave's canvas, in grey where colours are kept."""
        canvas = empty_canvas(octave)
        inside = cropped(canvas, octave)
        resize(self._content, octave.height, octave.width, interrupt, out=inside)
        if self._spec.keep_colors:
            luminance(inside, out=inside)
        fill_margin(canvas, octave)
        return canvas

    def of(self, octave: OctavePlan, interrupt: Interrupt) -> Targets:
        """The targets of an octave."""
        masks = [None if group.mask is None else on_octave(group.mask, octave, interrupt) for group in self._groups]
        parameters: list[FloatArray | float] = []
        maps: list[FloatArray | None] = []
        silence = 0.0
        coverage = _coverage(masks)
        for group, mask, share in zip(self._groups, masks, self._shares(masks, coverage), strict=True):
            found, weight = self._style(group, octave, interrupt, share)
            parameters += found
            silence += weight
            maps += self._cells(mask)
        canvas = self.content(octave, interrupt)
        layers = tuple(dict.fromkeys(item.layer for item in self._spec.content_layers))
        by_layer = dict(zip(layers, features(self._network, layers, canvas, Canvas.of(octave), interrupt), strict=True))
        references = [by_layer[item.layer] for item in self._spec.content_layers]
        for item, reference in zip(self._spec.content_layers, references, strict=True):
            unit = self._formula.content(reference, len(references))
            parameters.append(self._spec.content_weight * item.weight * unit)
        parameters += self._dreams(canvas, octave, silence, interrupt)
        return Targets(
            parameters,
            [*maps, *references, *(None for _ in self._dreamt)],
            self._spec.tv_weight * self._formula.variation(octave.canvas_height * octave.canvas_width),
            None if coverage is None else (coverage, canvas),
        )

    @cached_property
    def _dreamt(self) -> tuple[Statistic, ...]:
        return tuple(statistic_of(term, self._network.card) for term in self._spec.objective)

    def _shares(self, masks: Sequence[FloatArray | None], coverage: FloatArray | None) -> list[float]:
        """What each group counts for: together as much as one style that is laid wherever any of them is.

        A style's difference is a mean over its own cells. Multiplied by its share of the area, it weighs as much on
        each pixel as it would if it were laid everywhere.
        """
        covered, *areas = (1.0 if mask is None else float(mask.mean(dtype=np.float64)) for mask in (coverage, *masks))
        weights = [group.weight * area for group, area in zip(self._groups, areas, strict=True)]
        return [weight * covered / max(sum(weights), 1e-12) for weight in weights]

    def _style(
        self, group: _Group, octave: OctavePlan, interrupt: Interrupt, share: float
    ) -> tuple[list[FloatArray | float], float]:
        """Coefficient and target of each of a group's statistics; the loss of a picture without any features."""
        kinds = len(self._formula.kinds)
        weights = self._formula.style_weights([item.weight for item in self._spec.style_layers])
        parameters: list[FloatArray | float] = []
        silence = 0.0
        for i, target in enumerate(self._statistics(group, octave, interrupt)):
            coefficient = share * weights[i // kinds] * self._formula.style(target)
            silence += coefficient * float(np.square(target, dtype=np.float64).sum())
            parameters += [self._spec.style_weight * coefficient, target]
        return parameters, silence

    def _statistics(self, group: _Group, octave: OctavePlan, interrupt: Interrupt) -> list[FloatArray]:
        """The statistics of each style layer, averaged over the group's styles by their weights."""
        layers = [self._network.card.find_layer(item.layer) for item in self._spec.style_layers]
        reach = reach_of(layers)
        statistics = tuple(Statistic(layer.name, kind) for layer in layers for kind in self._formula.kinds)
        sums: list[FloatArray] = []
        for style in group.styles:
            picture = style.picture
            smallest = max(layer.min_size for layer in layers)
            rows, columns = measured_size(picture.shape[0], picture.shape[1], octave, smallest)
            height, width = (round_up(side, reach.stride) for side in (rows, columns))
            # Styles are measured exactly, once for each octave, also where the job's own tiles see less than all.
            tile = max(octave.tile, reach.smallest_tile)
            canvas = Canvas(cut(height, tile, reach), cut(width, tile, reach))
            resized = resize(picture, rows, columns, interrupt)
            if style.matching is not None:
                style.matching.apply(resized)
            window = extend(resized, height, width)
            found = means(self._network, statistics, window, canvas, interrupt)
            share = np.float32(style.weight / group.weight)
            sums = [share * m for m in found] if not sums else [a + share * m for a, m in zip(sums, found, strict=True)]
        return sums

    def _cells(self, mask: FloatArray | None) -> list[FloatArray | None]:
        """The mask on the cells of each style layer, for each of its statistics."""
        found: list[FloatArray | None] = []
        graph = self._network.graph
        for item in self._spec.style_layers:
            cells = None
            if mask is not None:
                height, width = (graph.length(item.layer, side) for side in mask.shape[:2])
                cells = on_cells(mask, graph.fields[item.layer].stride, height, width)
            found += [cells] * len(self._formula.kinds)
        return found

    def _dreams(
        self, content: FloatArray, octave: OctavePlan, silence: float, interrupt: Interrupt
    ) -> list[FloatArray | float]:
        """The coefficients of what is dreamt: a weight of 1 makes a term's own value count as much as all of the style.

        `silence` is what a picture without any features would lose in style, at a style weight of 1.
        """
        if not self._dreamt:
            return []
        usual = tuple(Statistic(statistic.layer, "squares") for statistic in self._dreamt)
        found = means(self._network, self._dreamt + usual, content, Canvas.of(octave), interrupt)
        coefficients: list[FloatArray | float] = []
        for term, value, squares in zip(self._spec.objective, found, found[len(self._dreamt) :], strict=False):
            channels = self._network.graph.channels(term.layer)
            counted = 1 if term.channel is not None else channels
            power = float(squares) / channels
            least = _LEAST_SHARE * (power if term.statistic == "mean_square" else np.sqrt(power))
            unit = max(abs(float(value)) / counted, least, 1e-6)
            coefficients.append(-term.weight * silence / (unit * counted))
        return coefficients


def measured_size(height: int, width: int, octave: OctavePlan, smallest: int) -> tuple[int, int]:
    """Height and width that a style's picture is measured at: as long as the octave, where that is not far more pixels.

    A narrow strip is enlarged until its shorter side is `smallest`, and squeezed along the longer if that is too much.
    """
    factor = max(octave.height, octave.width) / max(height, width)
    factor = min(factor, math.sqrt(octave.style_pixels / (height * width)))
    factor = max(factor, smallest / min(height, width))
    rows, columns = (max(round(side * factor), 1) for side in (height, width))
    longest = max(octave.style_pixels // min(rows, columns), smallest)
    return min(rows, longest), min(columns, longest)


def _grouped(spec: StyleSpec, pictures: Mapping[str, Pixels]) -> list[_Group]:
    """Styles that are laid everywhere together, and each of the others by itself."""
    content = Distribution.of(pictures["content"]) if spec.keep_colors else None
    styles: list[_Style] = []
    for i, style in enumerate(spec.styles):
        picture = pictures[f"styles.{i}.asset"]
        matching = None if content is None else Matching(Distribution.of(picture), content)
        styles.append(_Style(picture, style.weight, matching))
    everywhere = tuple(found for found, style in zip(styles, spec.styles, strict=True) if style.mask is None)
    groups = [_Group(everywhere, None)] if everywhere else []
    return groups + [
        _Group((styles[i],), pictures[f"styles.{i}.mask"]) for i, s in enumerate(spec.styles) if s.mask is not None
    ]


def _coverage(masks: Sequence[FloatArray | None]) -> FloatArray | None:
    """How far any style is laid over each pixel; None if one is laid everywhere."""
    coverage: FloatArray | None = None
    for mask in masks:
        if mask is None:
            return None
        coverage = mask.copy() if coverage is None else np.maximum(coverage, mask, out=coverage)
    return coverage
