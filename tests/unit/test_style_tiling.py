"""Style transfers in tiles are those of the whole picture: whatever the loss, the masks, the size and the tile."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared.plan import OctavePlan, plan
from shared.specs import SPEC, StyleSpec
from tests import topologies
from tests.reference.pictures import drawn
from worker.networks.network import Network
from worker.render import begin

ASSET = "sha256:" + "0" * 64
UNHURRIED = settings(
    deadline=None, max_examples=4, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
#: Up to here, tiles of 160 pixels can be had.
SHALLOW: dict[str, Any] = {
    "style_layers": [{"layer": f"block{i}_conv1", "weight": i} for i in range(1, 5)],
    "content_layers": [{"layer": "block3_conv2"}, {"layer": "block4_conv1", "weight": 0.5}],
}
DREAMT = [
    {"layer": "block4_conv1", "weight": 0.3, "border": 2},
    {"layer": "block3_conv2", "channel": 3, "weight": -0.2},
]


#: The same for a network with more cells than its pictures have room for.
OVERPADDED: dict[str, Any] = {
    "model": "overpadded",
    "style_layers": [{"layer": "far"}, {"layer": "even2"}, {"layer": "deep"}],
    "content_layers": [{"layer": "sum"}],
}


@cache
def network(model: str) -> Network:
    return topologies.vgg19(width=1 / 8) if model == "vgg19" else topologies.overpadded(width=1 / 8)


def started(fields: dict[str, Any], height: int, width: int, tile: int) -> tuple[float, Any, OctavePlan]:
    """The loss at the start and its gradient, of which Adam's first moment after one step is a tenth."""
    masks = fields.pop("masks", ())
    styles = [{"asset": ASSET} | ({"mask": ASSET} if i in masks else {}) for i in range(2)]
    given = {"kind": "style", "model": "vgg19", "content": ASSET, "styles": styles, "octaves": {"count": 1}}
    spec = SPEC.validate_python(given | {"tiling": {"tile": tile}, "noise": 0.4} | fields)
    assert isinstance(spec, StyleSpec)
    planned = plan(spec, card=network(spec.model).card, width=width, height=height)
    pictures = {"content": drawn(height, width, 1)}
    for i in range(2):
        # Sizes that differ from the content's and from each other.
        pictures |= {f"styles.{i}.asset": drawn(150 + 37 * i, 120, 2 + i), f"styles.{i}.mask": drawn(61, 83 + i, 4 + i)}
    rendering = begin(spec, planned, network(spec.model), pictures)
    loss = rendering.advance(lambda: None).score
    return loss, 10 * rendering.state()["first_moment"], planned.octaves[0]


def compare(fields: dict[str, Any], height: int, width: int, tile: int) -> None:
    loss, gradient, octave = started(dict(fields), height, width, tile)
    whole_loss, whole, _ = started(dict(fields), height, width, 4096)

    assert octave.tiles > 1
    assert (octave.canvas_height, octave.canvas_width) != (height, width)
    assert loss == pytest.approx(whole_loss, rel=1e-5)
    assert np.abs(gradient - whole).mean() <= 1e-5 * np.abs(whole).mean()


@UNHURRIED
@given(
    loss=st.sampled_from(["energy", "gatys", "sums"]),
    masks=st.sampled_from([(), (0,), (0, 1)]),
    objective=st.sampled_from([[], DREAMT]),
    height=st.integers(161, 300).filter(lambda side: side % 8),
    width=st.integers(161, 300).filter(lambda side: side % 8),
    tile=st.sampled_from([160, 176, 200]),
)
@example(loss="energy", masks=(0, 1), objective=DREAMT, height=163, width=331, tile=160)
@example(loss="sums", masks=(1,), objective=[], height=331, width=163, tile=160)
def test_losses_are_tiled_exactly(
    loss: str, masks: tuple[int, ...], objective: list[Any], height: int, width: int, tile: int
) -> None:
    compare(SHALLOW | {"loss": loss, "masks": masks, "objective": objective}, height, width, tile)


@pytest.mark.parametrize("masks", [(), (0, 1)])
def test_networks_with_more_cells_than_pixels_are_tiled_exactly(masks: tuple[int, ...]) -> None:
    compare(OVERPADDED | {"masks": masks}, 101, 131, 60)


@pytest.mark.parametrize("preset", ["gatys", "gatys_tv"])
def test_the_recipes_on_vgg_are_tiled_exactly(preset: str) -> None:
    compare({"preset": preset, "tv_weight": 1e-6, "masks": (1,)}, 203, 523, 384)
