"""The guide of a dream: the picture whose features `guided` objectives look for."""

from __future__ import annotations

from shared.pixels import Pixels
from shared.tiles import Span, reach_of, round_up
from shared.work import GUIDE_EDGE
from worker.networks.network import Network
from worker.render.measure import features
from worker.render.recipe import FloatArray, never
from worker.render.resample import extend, resize
from worker.render.tiles import Canvas


def guide_features(network: Network, layers: tuple[str, ...], guide: Pixels) -> dict[str, FloatArray]:
    """Activations (1, h, w, C) of each of the layers for `guide` (H, W, 3).

    It is shrunk to GUIDE_EDGE where it is larger, and a side that is shorter then than the network needs is stretched to
    that, by itself: only there are its proportions not kept.
    """
    found = [network.card.find_layer(layer) for layer in layers]
    smallest = max(network.card.min_size, *(layer.min_size for layer in found))
    factor = min(1.0, GUIDE_EDGE / max(guide.shape[:2]))
    height, width = (max(round(side * factor), smallest) for side in guide.shape[:2])
    stride = reach_of(found).stride
    picture = extend(resize(guide, height, width, never), round_up(height, stride), round_up(width, stride))
    rows, columns = (Span(0, side, 0, side) for side in picture.shape[:2])
    return dict(zip(layers, features(network, layers, picture, Canvas((rows,), (columns,)), never), strict=True))
