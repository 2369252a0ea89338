"""The page of a network: what it dreams of, and from there to a dream of it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from deploy.main import build
from tests.browser.conftest import Farm


@pytest.fixture(scope="module")
def portrayed(farm: Farm) -> None:
    """The farm's network with portraits of two channels of a layer, beside the bundled ones."""
    command = [
        "models",
        "portray",
        "motifnet",
        "--layer",
        "conv2d1",
        "--channels",
        "2",
        "--size",
        "64",
        "--iterations",
        "1",
    ]
    made = CliRunner().invoke(build(), command, env={"DREAMFARM_DATA": str(farm.data)})
    assert made.exit_code == 0, made.output


@pytest.mark.usefixtures("portrayed")
def test_from_a_portrait_to_a_dream_of_it(gallery: Page, farm: Farm) -> None:
    gallery.get_by_role("link", name="Networks").click()
    expect(gallery.get_by_role("heading", name="motifnet")).to_be_visible()
    layer = gallery.get_by_role("region", name="conv2d1")
    image = layer.locator("img").first
    expect(image).to_be_visible()
    image.scroll_into_view_if_needed()
    gallery.wait_for_function("img => img.complete && img.naturalWidth === 64", arg=image.element_handle())

    gallery.get_by_label("Find a motif").fill("conv2d1 0")
    expect(gallery.locator(".portrait:visible")).to_have_count(1)
    gallery.get_by_label("Find a motif").fill("no such thing")
    expect(gallery.get_by_text("Nothing here is called")).to_be_visible()
    gallery.get_by_label("Find a motif").fill("")
    layer.get_by_title("Dream of conv2d1: 0").click()

    expect(gallery.get_by_label("Layer", exact=True)).to_have_value("conv2d1")
    expect(gallery.get_by_label("Channel", exact=True)).to_have_value("0")
    gallery.get_by_label("Start from noise").check()
    gallery.get_by_label("Size").fill("96")
    gallery.locator("button[type=submit]").click()
    gallery.wait_for_url("**/#/job/*")
    objective = farm.job(gallery.url.rsplit("/", 1)[1])["spec"]["objective"]
    assert [(term["layer"], term["channel"]) for term in objective] == [("conv2d1", 0)]


@pytest.mark.usefixtures("portrayed")
def test_who_may_only_look_is_not_led_to_the_form(anyone: Page, farm: Farm) -> None:
    anyone.goto(f"{farm.url}/#key={farm.key_for('vera', 'viewer')}")
    anyone.get_by_role("link", name="Networks").click()
    expect(anyone.get_by_role("region", name="conv2d1").locator("img").first).to_be_visible()
    expect(anyone.locator("a.portrait")).to_have_count(0)


def test_a_network_that_is_not_there(gallery: Page, farm: Farm) -> None:
    gallery.goto(f"{farm.url}/#/network/motif")
    expect(gallery.get_by_text("There is no network motif on this farm")).to_be_visible()


def test_a_network_that_nobody_portrayed_says_how_to(gallery: Page, farm: Farm) -> None:
    """As it is on a fresh farm, for a network without portraits."""
    gallery.route("**/v1/models", lambda route: route.fulfill(json=[_bare(model) for model in route.fetch().json()]))
    gallery.route("**/v1/models/motifnet/portraits", lambda route: route.fulfill(json=[]))
    gallery.goto(f"{farm.url}/#/network")
    expect(gallery.get_by_text("Nobody has looked into this network yet")).to_be_visible()
    expect(gallery.get_by_text("dreamfarm models portray motifnet")).to_be_visible()


def _bare(model: dict[str, Any]) -> dict[str, Any]:
    return model | {"portraits": 0, "links": {}}
