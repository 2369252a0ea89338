"""Making new jobs on the page: pictures, recipes, the plan, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from shared.samples import sample
from tests.browser.conftest import Farm
from tests.conftest import wait_until


@pytest.fixture
def form(gallery: Page, farm: Farm) -> Page:
    """The page for new jobs."""
    gallery.goto(f"{farm.url}/#/new")
    gallery.wait_for_selector(".offer")
    return gallery


def submit_button(page: Page) -> Locator:
    return page.locator("button[type=submit]")


def submitted(page: Page, farm: Farm) -> dict[str, Any]:
    """Submits what the form holds, which must be possible; the job's specification."""
    expect(submit_button(page)).to_be_enabled()
    submit_button(page).click()
    page.wait_for_url("**/#/job/*")
    return dict(farm.job(page.url.rsplit("/", 1)[1])["spec"])


def plan(page: Page) -> Locator:
    return page.get_by_label("Plan")


def test_a_dream_from_a_bundled_picture_to_its_output(form: Page) -> None:
    form.get_by_role("button", name="northern lights").click()
    form.get_by_label("Size").fill("128")
    form.get_by_text("More knobs").click()
    form.get_by_label("Octaves", exact=True).fill("2")
    form.get_by_label("Iterations").fill("3")
    expect(plan(form)).to_contain_text("128 × 85")
    expect(plan(form)).to_contain_text("91 → 128 px wide")
    submit_button(form).click()

    # The page of the job opens, and shows its end without being loaded again.
    expect(form.get_by_role("heading", name="lake.jpg")).to_be_visible()
    expect(form.locator(".job-state .badge")).to_have_text("succeeded", timeout=90_000)
    expect(form.get_by_label("Frame", exact=True)).to_have_attribute(
        "aria-valuetext", "octave 2/2 · iteration 3 · 128 × 85"
    )
    with form.expect_download() as download:
        form.get_by_role("link", name="Output (PNG").click()
    assert download.value.suggested_filename.startswith("lake-")
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


def test_several_pictures_become_several_jobs(form: Page) -> None:
    form.set_input_files("input[type=file]", [sample("dusk"), sample("fruit")])
    form.get_by_label("Size").fill("96")
    form.get_by_label("Name of the batch").fill("Two <b>at once</b>")
    button = form.get_by_role("button", name="Submit 2 jobs")
    expect(button).to_be_enabled()
    expect(plan(form)).to_contain_text("2 jobs")
    button.click()
    # The name is text, never markup.
    expect(form.get_by_role("heading", name="Two <b>at once</b>")).to_be_visible()
    expect(form.locator(".card")).to_have_count(2)
    assert form.locator("h1 b").count() == 0


def test_a_style_transfer_needs_a_style(form: Page, farm: Farm) -> None:
    form.get_by_text("Style transfer").click()
    form.get_by_role("button", name="still life").click()
    expect(plan(form)).to_contain_text("Choose a style")
    expect(submit_button(form)).to_be_disabled()
    form.get_by_role("button", name="stained glass").click()
    form.get_by_label("Weight of glass.jpg").fill("2.5")
    form.get_by_label("Size").fill("96")
    form.get_by_label("Keep the picture's own colours").check()
    form.get_by_text("More knobs").click()
    form.get_by_label("Iterations").fill("2")
    expect(submit_button(form)).to_be_enabled()
    submit_button(form).click()
    expect(form.get_by_role("heading", name="fruit.jpg")).to_be_visible()
    spec = farm.job(form.url.rsplit("/", 1)[1])["spec"]
    assert spec["kind"] == "style"
    assert [style["weight"] for style in spec["styles"]] == [2.5]
    assert spec["keep_colors"] is True
    assert spec["iterations"] == 2


def test_a_weight_can_be_typed_while_its_picture_is_uploaded(form: Page) -> None:
    held: list[Route] = []
    form.get_by_text("Style transfer").click()
    form.route("**/v1/assets", lambda route: held.append(route))
    form.get_by_role("button", name="stained glass").click()
    expect(form.get_by_text("uploading…")).to_be_visible()
    weight = form.get_by_label("Weight of glass.jpg")
    weight.fill("2.5")
    for route in held:
        route.continue_()
    expect(form.get_by_text("uploading…")).to_have_count(0)
    expect(weight).to_be_focused()
    expect(weight).to_have_value("2.5")


def test_styles_are_laid_where_their_masks_are(form: Page, farm: Farm, tmp_path: Path) -> None:
    mask = tmp_path / "left.png"
    Image.linear_gradient("L").save(mask)
    form.get_by_text("Style transfer").click()
    form.get_by_role("button", name="still life").click()
    form.get_by_role("button", name="stained glass").click()
    form.get_by_role("button", name="cut in wood").click()
    form.get_by_label("Mask of woodcut.jpg", exact=True).set_input_files(mask)
    expect(form.get_by_role("button", name="Remove the mask of woodcut.jpg")).to_be_visible()
    form.get_by_label("Size").fill("96")
    form.get_by_text("More knobs").click()
    form.get_by_label("Iterations").fill("2")
    form.get_by_label("Optimiser").select_option("lbfgs")
    expect(submit_button(form)).to_be_enabled()
    submit_button(form).click()
    expect(form.get_by_alt_text("Where it is laid")).to_be_visible()
    spec = farm.job(form.url.rsplit("/", 1)[1])["spec"]
    assert [bool(style["mask"]) for style in spec["styles"]] == [False, True]
    assert spec["optimizer"]["method"] == "lbfgs"


def test_a_dream_of_one_motif_out_of_noise(form: Page, farm: Farm) -> None:
    form.get_by_label("Start from noise").check()
    form.get_by_text("multiscale", exact=True).click()
    form.get_by_label("Layer", exact=True).select_option("logits")
    form.get_by_label("Channel", exact=True).fill("daisy")
    form.get_by_label("Size").fill("96")
    spec = submitted(form, farm)
    assert (spec["input"], spec["preset"]) == (None, "multiscale")
    assert [(term["layer"], term["channel"]) for term in spec["objective"]] == [("logits", "daisy")]


def test_a_file_that_is_no_picture_is_refused_with_the_reason(form: Page, tmp_path: Path) -> None:
    bad = tmp_path / "holiday.png"
    bad.write_text("not a picture at all")
    form.set_input_files("input[type=file]", bad)
    expect(form.get_by_role("alert").filter(has_text="text file, not a picture")).to_be_visible()
    expect(submit_button(form)).to_be_disabled()
    # It can be taken away again, and the rest goes on.
    form.get_by_role("button", name="Remove holiday.png").click()
    form.get_by_role("button", name="at dusk").click()
    expect(submit_button(form)).to_be_enabled()


def test_dropped_files_are_taken(form: Page) -> None:
    data = list(sample("dusk").read_bytes())
    transfer = form.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", { type: "image/jpeg" }));
            return transfer;
        }""",
        data,
    )
    form.locator(".drop").first.dispatch_event("drop", {"dataTransfer": transfer})
    expect(form.get_by_text("dropped.jpg")).to_be_visible()
    expect(form.get_by_text("1024 × 683").first).to_be_visible()


_PASTE = """(target, [bytes, text]) => {
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([new Uint8Array(bytes)], "image.jpg", { type: "image/jpeg" }));
  if (text) clipboardData.setData("text/plain", text);
  target.focus();
  return target.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def test_pasted_pictures_are_taken(form: Page) -> None:
    """They go where the focus is, or else to the first pictures; what is pasted as text stays with its field."""
    data = list(sample("dusk").read_bytes())
    form.locator("main").evaluate(_PASTE, [data, ""])
    pictures = form.get_by_role("group", name="Pictures")
    expect(pictures.locator("li.ready")).to_contain_text(["1024 × 683"])
    form.get_by_text("Style transfer").click()
    styles = form.get_by_role("group", name="Styles")
    styles.locator("input[type=file]").first.evaluate(_PASTE, [data, ""])
    expect(styles.locator("li.ready")).to_have_count(1)
    assert form.get_by_label("Size").evaluate(_PASTE, [data, "96"]), "the field gets it"
    expect(form.locator(".picked li")).to_have_count(2)


def test_a_bundled_picture_that_cannot_be_had_is_told(form: Page) -> None:
    form.route("**/samples/dusk.jpg", lambda route: route.abort())
    form.get_by_role("group", name="Pictures").get_by_role("button", name="at dusk").click()
    expect(form.locator(".toast")).to_contain_text("the farm cannot be reached")
    form.unroute("**/samples/dusk.jpg")
    form.get_by_role("group", name="Pictures").get_by_role("button", name="at dusk").click()
    expect(form.locator(".picked li.ready")).to_have_count(1)


def test_mistakes_are_shown_at_their_fields(form: Page) -> None:
    form.get_by_role("button", name="at dusk").click()
    form.get_by_label("Layer", exact=True).select_option("logits")
    form.get_by_label("Channel", exact=True).fill("dasy")
    expect(plan(form)).to_contain_text("did you mean 'daisy'")
    expect(form.get_by_label("Channel", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(submit_button(form)).to_be_disabled()
    form.get_by_label("Channel", exact=True).fill("daisy")
    expect(submit_button(form)).to_be_enabled()
    expect(form.get_by_label("Channel", exact=True)).not_to_have_attribute("aria-invalid", "true")


def test_a_job_is_the_start_of_another(form: Page, farm: Farm, dreamt: dict[str, Any]) -> None:
    form.goto(f"{farm.url}/#/job/{dreamt['id']}")
    form.get_by_role("link", name="Use as a start").click()
    # The job's own page has no such field: the form is there, and that page has gone.
    expect(form.get_by_label("Size")).to_have_value("160")
    expect(form.get_by_text("dusk.jpg")).to_be_visible()
    form.get_by_text("More knobs").click()
    form.get_by_label("Seed").fill("41")
    expect(submit_button(form)).to_be_enabled()
    submit_button(form).click()
    form.wait_for_url("**/#/job/*")
    again = farm.job(form.url.rsplit("/", 1)[1])["spec"]
    assert again["seed"] == 41
    assert again | {"seed": 0} == dreamt["spec"]


def test_pressing_submit_twice_submits_once(form: Page, farm: Farm) -> None:
    before = len(farm.http.get("/v1/batches?limit=1000").json()["items"])
    form.get_by_label("Start from noise").check()
    form.get_by_label("Size").fill("96")
    expect(submit_button(form)).to_be_enabled()
    submit_button(form).evaluate("(button) => { button.form.requestSubmit(); button.form.requestSubmit(); }")
    form.wait_for_url("**/#/job/*")
    wait_until(lambda: len(farm.http.get("/v1/batches?limit=1000").json()["items"]) > before)
    assert len(farm.http.get("/v1/batches?limit=1000").json()["items"]) == before + 1


def test_several_layers_with_weights_and_a_guide(form: Page, farm: Farm) -> None:
    form.get_by_role("button", name="northern lights").click()
    form.get_by_text("Guided by another picture").click()
    guide = form.get_by_role("group", name="Guide")
    guide.get_by_role("button", name="still life").click()
    guide.get_by_role("button", name="hills at dusk").click()
    expect(guide.locator("li")).to_have_count(1)
    form.get_by_label("Layer", exact=True).select_option("mixed3a")
    form.get_by_role("button", name="Another layer").click()
    form.get_by_label("Layer 2", exact=True).select_option("mixed3b")
    form.get_by_role("button", name="Another layer").click()
    form.get_by_label("Layer 3", exact=True).select_option("logits")
    form.get_by_label("Channel 3", exact=True).fill("eyes")
    expect(plan(form)).to_contain_text("no channel 'eyes'")
    expect(form.get_by_label("Channel 3", exact=True)).to_have_attribute("aria-invalid", "true")
    form.get_by_label("Channel 3", exact=True).fill("eye")
    form.get_by_label("Layer weight 3", exact=True).fill("-0.5")
    form.get_by_role("button", name="Remove layer 2").click()
    expect(form.get_by_label("Layer weight 2", exact=True)).to_have_value("-0.5")
    form.get_by_label("Size").fill("96")
    expect(submit_button(form)).to_be_enabled()
    submit_button(form).click()
    expect(form.get_by_alt_text("Guide")).to_be_visible()
    spec = farm.job(form.url.rsplit("/", 1)[1])["spec"]
    assert [(t["layer"], t["channel"], t["weight"]) for t in spec["objective"]] == [
        ("mixed3a", None, 1.0),
        ("logits", "eye", -0.5),
    ]
    assert spec["guide"] == farm.upload(sample("dusk"))


def test_what_the_form_does_not_show_of_a_job_stays_when_one_starts_from_it(form: Page, farm: Farm) -> None:
    """Layers with borders and statistics of their own come over whole; a layer chosen anew has none."""
    objective = [
        {"layer": "mixed3a", "weight": 2, "border": 3},
        {"layer": "mixed3b", "statistic": "mean", "border": 2},
    ]
    job = {"kind": "dream", "objective": objective, "size": {"long_edge": 96}, "iterations": 1}
    first = farm.submit(job)["job_ids"][0]
    form.goto(f"{farm.url}/#/new?from={first}")
    expect(form.get_by_label("Layer 2", exact=True)).to_have_value("mixed3b")
    form.get_by_label("Layer 2", exact=True).select_option("mixed4a")
    spec = submitted(form, farm)
    assert [(t["layer"], t["weight"], t["statistic"], t["border"]) for t in spec["objective"]] == [
        ("mixed3a", 2.0, "mean_square", 3),
        ("mixed4a", 1.0, "mean_square", 0),
    ]


def test_a_motif_is_dreamt_inside_a_style(form: Page, farm: Farm) -> None:
    form.get_by_text("Style transfer").click()
    form.get_by_role("button", name="still life").click()
    form.get_by_role("button", name="stained glass").click()
    form.get_by_label("Layer", exact=True).select_option("logits")
    form.get_by_label("Channel", exact=True).fill("eye")
    form.get_by_label("Layer weight", exact=True).fill("0.1")
    form.get_by_label("Size").fill("96")
    form.get_by_text("More knobs").click()
    form.get_by_label("Iterations").fill("2")
    spec = submitted(form, farm)
    assert [(t["layer"], t["channel"], t["weight"]) for t in spec["objective"]] == [("logits", "eye", 0.1)]


def test_nothing_is_submitted_before_the_layers_that_were_asked_for_are_there(form: Page, farm: Farm) -> None:
    """Given a farm that is slow to tell a network's layers, the form waits for them."""
    held: list[Route] = []
    form.route("**/v1/models/motifnet/layers", lambda route: held.append(route))
    form.goto("about:blank")
    form.goto(f"{farm.url}/#/new?preset=motif&model=motifnet&layer=logits&channel=rose")
    form.get_by_label("Start from noise").check()
    expect(plan(form)).to_contain_text("Waiting for the network's layers")
    expect(submit_button(form)).to_be_disabled()
    held[0].abort()  # the first answer never comes: it is asked again
    form.unroute("**/v1/models/motifnet/layers")
    expect(form.get_by_label("Channel", exact=True)).to_have_value("rose")
    form.get_by_label("Size").fill("96")
    expect(submit_button(form)).to_be_enabled()
    submit_button(form).click()
    form.wait_for_url("**/#/job/*")
    assert farm.job(form.url.rsplit("/", 1)[1])["spec"]["objective"][0]["channel"] == "rose"


def test_none_and_unchecked_mean_what_they_say(form: Page, farm: Farm) -> None:
    """Presets set an animation and colours of their own; the form shows them, and can say otherwise."""
    form.get_by_text("Style transfer").click()
    form.get_by_text("repaint", exact=True).click()
    keep = form.get_by_label("Keep the picture's own colours")
    expect(keep).to_be_checked()
    form.get_by_text("gatys_tv", exact=True).click()
    expect(keep).not_to_be_checked()
    expect(form.get_by_label("Animation", exact=True)).to_contain_text("the preset's own: gif")
    form.get_by_text("repaint", exact=True).click()
    keep.uncheck()
    form.get_by_label("Animation", exact=True).select_option("none")
    form.get_by_role("button", name="still life").click()
    form.get_by_role("button", name="stained glass").click()
    form.get_by_label("Size").fill("96")
    form.get_by_text("More knobs").click()
    form.get_by_label("Iterations").fill("2")
    spec = submitted(form, farm)
    assert (spec["preset"], spec["keep_colors"], spec["animation"]) == ("repaint", False, None)


def test_a_guide_may_come_and_go_when_one_starts_from_a_job(form: Page, farm: Farm) -> None:
    picture = farm.upload(sample("lake"))
    common = {"kind": "dream", "input": picture, "size": {"long_edge": 96}, "iterations": 1}
    plain = farm.submit(common | {"objective": [{"layer": "mixed4a"}]})["job_ids"][0]
    guided = farm.submit(common | {"objective": [{"layer": "mixed4a"}], "guide": picture})["job_ids"][0]
    form.goto(f"{farm.url}/#/new?from={plain}")
    form.get_by_text("Guided by another picture").click()
    form.get_by_role("group", name="Guide").get_by_role("button", name="still life").click()
    expect(submit_button(form)).to_be_enabled()
    form.goto(f"{farm.url}/#/new?from={guided}")
    form.get_by_role("button", name="Remove guide").click()
    expect(submit_button(form)).to_be_enabled()


def test_fields_that_the_form_does_not_show_come_over_until_the_recipe_changes(form: Page, farm: Farm) -> None:
    job = {
        "kind": "dream",
        "size": {"long_edge": 96},
        "iterations": 1,
        "jitter": 7,
        "clip": True,
        "tiling": {"mode": "fast", "halo": 64},
        "gradient": {"normalise": "laplacian", "levels": 2},
        "output": {"format": "jpeg", "quality": 40},
    }
    first = farm.submit(job)["job_ids"][0]

    def again(choose: str | None) -> dict[str, Any]:
        form.goto("about:blank")
        form.goto(f"{farm.url}/#/new?from={first}")
        expect(form.get_by_label("Layer", exact=True)).not_to_have_value("")
        if choose:
            form.get_by_text(choose, exact=True).click()
        expect(submit_button(form)).to_be_enabled()
        submit_button(form).click()
        form.wait_for_url("**/#/job/*")
        return dict(farm.job(form.url.rsplit("/", 1)[1])["spec"])

    assert again(None) == farm.job(first)["spec"] | {"name": None}
    assert again("motif")["tiling"]["mode"] == "exact"


def test_a_picture_that_cannot_be_used_stands_in_the_way_only_where_it_counts(form: Page, tmp_path: Path) -> None:
    (tmp_path / "castle.jpg").write_bytes(b"no picture")
    form.set_input_files("input[type=file] >> nth=0", tmp_path / "castle.jpg")
    expect(form.get_by_role("alert")).to_be_visible()
    form.get_by_label("Start from noise").check()
    form.get_by_label("Size").fill("96")
    expect(submit_button(form)).to_be_enabled()
    form.get_by_label("Start from noise").uncheck()
    form.get_by_role("button", name="Remove castle.jpg").click()
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "castle.jpg")
    form.set_input_files("input[type=file] >> nth=0", tmp_path / "castle.jpg")
    expect(form.get_by_text("64 × 48")).to_be_visible()
    expect(submit_button(form)).to_be_enabled()


def test_the_skip_link_leads_into_the_page_and_keeps_what_was_filled_in(form: Page) -> None:
    form.get_by_label("Size").fill("96")
    form.get_by_role("link", name="Skip to").focus()
    form.keyboard.press("Enter")
    assert form.evaluate("document.activeElement.id") == "main"
    expect(form.get_by_label("Size")).to_have_value("96")
    assert form.url.endswith("#/new")
    # The next stop is in the form, not in the bar above it.
    form.keyboard.press("Tab")
    assert form.evaluate("document.getElementById('main').contains(document.activeElement)")


@pytest.mark.parametrize("seed", [2**53 + 1, 2**63 - 1])
def test_a_large_seed_keeps_all_its_digits(form: Page, farm: Farm, seed: int) -> None:
    """Given a job whose seed is beyond JavaScript's numbers, its page shows it, and another job starts from it."""
    job = {"kind": "dream", "size": {"long_edge": 96}, "iterations": 1, "name": f'a,"seed":{seed}', "seed": seed}
    first = farm.submit(job)["job_ids"][0]
    form.goto(f"{farm.url}/#/job/{first}")
    expect(form.locator(".recipe .facts-list")).to_contain_text(f"Seed{seed}")
    form.get_by_text("The whole specification").click()
    expect(form.locator(".recipe pre")).to_contain_text(f'"seed": {seed}')
    expect(form.get_by_role("heading", name=job["name"])).to_be_visible()
    form.get_by_role("link", name="Use as a start").click()
    expect(form.get_by_label("Seed")).to_have_value(str(seed))
    form.get_by_text("More knobs").click()
    form.get_by_label("Seed").fill(f" {seed - 2} ")
    assert submitted(form, farm)["seed"] == seed - 2


def test_a_seed_that_is_none_is_told_at_its_field(form: Page) -> None:
    form.get_by_label("Start from noise").check()
    form.get_by_text("More knobs").click()
    for wrong in ("-1", "seven", str(2**63)):
        form.get_by_label("Seed").fill(wrong)
        expect(form.get_by_label("Seed")).to_have_attribute("aria-invalid", "true")
        form.get_by_label("Seed").fill("")
        expect(form.get_by_label("Seed")).not_to_have_attribute("aria-invalid", "true")
