"""Looking: the gallery and a job's page, live."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from PIL import Image
from playwright.sync_api import Page, Request, Route, expect
from sqlalchemy import delete

from shared.store import Store
from shared.store.tables import Frame
from tests.browser.conftest import LONG, Farm
from tests.conftest import wait_until


def open_page(page: Page, farm: Farm, address: str) -> None:
    page.goto(f"{farm.url}/#{address}")


def test_new_jobs_appear_and_their_progress_moves_by_itself(gallery: Page, farm: Farm) -> None:
    """Given the open gallery, when someone submits elsewhere, cards appear, show frames, and come to their end."""
    spec = {"kind": "dream", "size": {"long_edge": 96}, "octaves": {"count": 2}, "iterations": 3, "name": "from afar"}
    answer = farm.submit(spec, name="From afar")
    card = gallery.locator(f".card[data-job={answer['job_ids'][0]}]")
    expect(card).to_contain_text("from afar")
    expect(card.locator(".badge")).to_have_text("succeeded", timeout=60_000)
    expect(card.locator("img.loaded")).to_be_visible()
    assert card.locator("img").evaluate("(image) => image.naturalWidth") == 96
    expect(gallery.locator(".batch-card", has_text="From afar")).to_contain_text("100 %")


def test_a_long_name_leaves_the_state_in_sight(gallery: Page, farm: Farm) -> None:
    """Given a job whose name is wider than its card, the name is cut, and the state stays on the card."""
    spec = {"kind": "dream", "size": {"long_edge": 48}, "octaves": {"count": 1}, "iterations": 1, "name": "W" * 200}
    id_ = farm.submit(spec)["job_ids"][0]
    card = gallery.locator(f".card[data-job={id_}]")
    expect(card.locator(".badge")).to_have_text("succeeded", timeout=60_000)
    whole, state = card.bounding_box(), card.locator(".badge").bounding_box()
    assert whole is not None
    assert state is not None
    assert state["x"] + state["width"] <= whole["x"] + whole["width"]


def test_names_that_differ_at_their_ends_are_told_apart(gallery: Page, farm: Farm) -> None:
    """Given jobs of a sweep whose names are wider than their cards, each card shows its name's end."""
    names = [f"{'a castle above the sea ' * 5}seed={seed}" for seed in (1, 2)]
    spec = {"kind": "dream", "size": {"long_edge": 48}, "octaves": {"count": 1}, "iterations": 1}
    answer = farm.submit(*[spec | {"name": name} for name in names], name=names[0])
    cards = [gallery.locator(f".card[data-job={id_}]") for id_ in answer["job_ids"]]
    for whole, name in [*zip(cards, names, strict=True), (gallery.locator(".batch-card", has_text=names[0]), names[0])]:
        shown = whole.locator(".split-name")
        expect(shown).to_have_attribute("title", name)
        expect(shown).to_have_text(name)
        expect(shown.locator(".name-end")).to_have_text(name[-14:])
        box, end = whole.bounding_box(), shown.locator(".name-end").bounding_box()
        assert box is not None
        assert end is not None
        assert end["x"] + end["width"] <= box["x"] + box["width"]


def test_filters_show_jobs_while_they_are_in_that_state(gallery: Page, farm: Farm, long_job: dict[str, Any]) -> None:
    card = gallery.locator(f".card[data-job={long_job['id']}]")
    gallery.get_by_role("link", name="running", exact=True).click()
    expect(card).to_be_visible(timeout=60_000)
    farm.steer("jobs", long_job["id"], "pause")
    expect(card).to_have_count(0)
    gallery.get_by_role("link", name="paused", exact=True).click()
    expect(card).to_be_visible()
    assert "state=paused" in gallery.url


def test_many_jobs_come_as_one_scrolls(gallery: Page, farm: Farm) -> None:
    answer = farm.submit(*[LONG | {"name": f"dream {i}", "priority": 9} for i in range(130)], name="Many")
    farm.steer("batches", answer["id"], "pause")
    open_page(gallery, farm, f"/batch/{answer['id']}")
    expect(gallery.get_by_role("heading", name="Many")).to_be_visible()
    cards = gallery.locator(".card:not(.skeleton)")
    expect(cards).to_have_count(48)

    def all_there() -> bool:
        gallery.mouse.wheel(0, 4000)
        gallery.wait_for_timeout(50)
        return cards.count() == 130

    wait_until(all_there, what="all 130 cards")
    assert len(set(cards.evaluate_all("(cards) => cards.map((card) => card.dataset.job)"))) == 130
    farm.steer("batches", answer["id"], "cancel")
    expect(gallery.locator(".legend")).to_contain_text("130 cancelled")


def test_back_leads_to_where_one_was(gallery: Page, farm: Farm) -> None:
    """Given a gallery scrolled far, a job's page and Back: the same cards at the same place, and as they are now."""
    answer = farm.submit(*[LONG | {"name": f"far {i}", "priority": 9} for i in range(130)], name="Far")
    farm.steer("batches", answer["id"], "pause")
    open_page(gallery, farm, f"/batch/{answer['id']}")
    cards = gallery.locator(".card:not(.skeleton)")

    def all_there() -> bool:
        gallery.mouse.wheel(0, 4000)
        gallery.wait_for_timeout(50)
        return cards.count() == 130

    wait_until(all_there, what="all 130 cards")
    card = gallery.locator(f".card[data-job={answer['job_ids'][7]}]")
    card.scroll_into_view_if_needed()
    place = gallery.evaluate("scrollY")
    assert place > 1000
    card.click()
    expect(gallery.get_by_role("heading", name="far 7")).to_be_visible()
    farm.steer("jobs", answer["job_ids"][7], "cancel")
    expect(gallery.locator(".job-state .badge")).to_have_text("cancelled")

    gallery.go_back()
    expect(cards).to_have_count(130)
    assert abs(gallery.evaluate("scrollY") - place) < 5
    expect(card.locator(".badge")).to_have_text("cancelled")
    expect(card).to_be_focused()
    # It is live again, and a link leads to its beginning, as always.
    farm.steer("batches", answer["id"], "cancel")
    expect(gallery.locator(".card.cancelled")).to_have_count(130)
    gallery.get_by_role("link", name="All batches").click()
    expect(gallery.locator(".batch-strip")).to_be_visible()
    assert gallery.evaluate("scrollY") == 0
    gallery.go_back()
    expect(cards).to_have_count(130)


def test_jobs_that_could_not_be_read_are_read_again(gallery: Page, farm: Farm) -> None:
    """Given a farm that stumbles while many jobs change, all of them are shown as they are in the end."""
    answer = farm.submit(*[LONG | {"name": f"many {i}", "priority": 9} for i in range(20)], name="Stumbling")
    farm.steer("batches", answer["id"], "pause")
    open_page(gallery, farm, f"/batch/{answer['id']}")
    expect(gallery.locator(".card.paused")).to_have_count(20)
    stumbled: list[str] = []

    def stumble(route: Route) -> None:
        stumbled.append(route.request.url)
        if len(stumbled) > 6:
            route.continue_()
        else:
            route.fulfill(status=503, json={"detail": "the database is away"})

    gallery.route(re.compile(r"/v1/jobs/\w+$"), stumble)
    farm.steer("batches", answer["id"], "cancel")
    expect(gallery.locator(".toast")).to_contain_text(["the database is away"])
    expect(gallery.locator(".card.cancelled")).to_have_count(20)


def test_frames_can_be_gone_through_with_the_keyboard(gallery: Page, farm: Farm, dreamt: dict[str, Any]) -> None:
    open_page(gallery, farm, f"/job/{dreamt['id']}")
    slider = gallery.get_by_label("Frame", exact=True)
    expect(slider).to_have_attribute("max", str(dreamt["frames"]))
    picture = gallery.locator(".stage .picture").first
    expect(picture).to_have_attribute("src", f"/v1/jobs/{dreamt['id']}/frames/{dreamt['frames']}")
    slider.focus()
    gallery.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "octave 2/2 · iteration 2 · 160 × 107")
    expect(picture).to_have_attribute("src", f"/v1/jobs/{dreamt['id']}/frames/{dreamt['frames'] - 1}")
    gallery.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "start")
    expect(picture).to_have_attribute("src", f"/v1/assets/{dreamt['spec']['input']}?screen=true")
    gallery.get_by_role("button", name="Play the frames").click()
    expect(slider).to_have_value(str(dreamt["frames"]))
    expect(gallery.get_by_role("button", name="Play the frames")).to_be_visible()


def test_before_and_after(gallery: Page, farm: Farm, dreamt: dict[str, Any]) -> None:
    open_page(gallery, farm, f"/job/{dreamt['id']}")
    button = gallery.get_by_role("button", name="Compare")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    before = gallery.locator(".picture.before")
    assert before.get_attribute("src") == f"/v1/assets/{dreamt['spec']['input']}?screen=true"
    expect(before).to_have_css("clip-path", "inset(0px 50% 0px 0px)")
    gallery.keyboard.press("End")
    expect(before).to_have_css("clip-path", "inset(0px 0% 0px 0px)")
    button.click()
    expect(before).to_be_hidden()


def test_a_tiff_can_be_compared_with_and_is_loaded_only_then(gallery: Page, farm: Farm, tmp_path: Path) -> None:
    """Given a job that began with a large TIFF, its page shows the result alone, and a copy of the start when asked."""
    Image.linear_gradient("L").resize((3000, 1500)).convert("RGB").save(tmp_path / "large.tiff")
    asset = farm.upload(tmp_path / "large.tiff")
    spec = {"kind": "dream", "input": asset, "size": {"long_edge": 96}, "octaves": {"count": 1}, "iterations": 2}
    job = farm.finished(farm.submit(spec, name="From a TIFF")["job_ids"][0])
    asked: list[str] = []
    gallery.on("request", lambda request: asked.append(request.url.removeprefix(farm.url)))
    originals = (f"/v1/assets/{asset}", f"/v1/assets/{asset}?screen=true")

    open_page(gallery, farm, f"/job/{job['id']}")
    picture = gallery.locator(".stage .picture").first
    expect(picture).to_have_attribute("src", f"/v1/jobs/{job['id']}/frames/{job['frames']}")
    expect(picture).to_be_visible()
    assert not set(originals) & set(asked)

    gallery.get_by_role("button", name="Compare").click()
    before = gallery.locator(".picture.before")
    wait_until(lambda: before.evaluate("(image) => image.complete && image.naturalWidth") == 2048, what="the start")
    gallery.get_by_label("Frame", exact=True).focus()
    gallery.keyboard.press("Home")
    expect(picture).to_have_attribute("src", originals[1])
    wait_until(lambda: picture.evaluate("(image) => image.naturalWidth") == 2048, what="the start")
    assert originals[0] not in asked


def test_a_job_tells_what_it_is_made_of_and_what_happened(gallery: Page, farm: Farm, dreamt: dict[str, Any]) -> None:
    open_page(gallery, farm, f"/job/{dreamt['id']}")
    expect(gallery.locator(".log")).to_contain_text("submitted")
    expect(gallery.locator(".log")).to_contain_text("succeeded")
    expect(gallery.locator(".recipe")).to_contain_text("mixed4")
    gallery.get_by_text("The whole specification").click()
    expect(gallery.locator(".recipe pre")).to_contain_text('"long_edge": 160')
    video = gallery.locator("video")
    wait_until(lambda: video.evaluate("(video) => video.readyState") >= 1, what="the animation's first data")
    width, height = video.evaluate("(video) => [video.videoWidth, video.videoHeight]")
    assert width == 160
    assert abs(height - dreamt["height"]) <= 1  # video has even sides
    expect(gallery.get_by_role("link", name="Manifest")).to_have_attribute("href", f"/v1/jobs/{dreamt['id']}/manifest")


def test_a_failure_tells_its_reason(gallery: Page, farm: Farm) -> None:
    """Given a job whose picture is lost before it begins, the page says why it failed and offers another try."""
    from shared.samples import sample

    asset = farm.upload(sample("woodcut"))
    (farm.data / "blobs" / "assets" / asset.removeprefix("sha256:")).unlink()
    id_ = farm.submit({"kind": "dream", "input": asset, "name": "lost", "size": {"long_edge": 96}})["job_ids"][0]
    open_page(gallery, farm, f"/job/{id_}")
    expect(gallery.locator(".job-state .badge")).to_have_text("failed", timeout=90_000)
    expect(gallery.locator(".reason.failed")).not_to_be_empty()
    expect(gallery.get_by_role("button", name="Retry")).to_be_visible()


#: A second ear beside the page's own.
_HEAR_CANCELLATIONS = """() => {
  window.heard = [];
  const events = new EventSource("/v1/events");
  events.addEventListener("job.cancelled", (message) => window.heard.push(JSON.parse(message.data).job));
  return new Promise((opened) => (events.onopen = opened)).then(() => null);
}"""


@pytest.mark.parametrize("page", ["job", "gallery"])
def test_what_happens_while_a_page_loads_is_not_missed(
    gallery: Page, farm: Farm, long_job: dict[str, Any], page: str
) -> None:
    """Given an answer that says "running" and comes after the news of the end, the page shows the end."""
    id_ = long_job["id"]
    wait_until(lambda: farm.job(id_)["state"] == "running", seconds=60, what="the start")

    def late(route: Route) -> None:
        answer = route.fetch()
        farm.steer("jobs", id_, "cancel")
        gallery.wait_for_function("id => window.heard.includes(id)", arg=id_)
        route.fulfill(response=answer)

    gallery.evaluate(_HEAR_CANCELLATIONS)
    gallery.route(f"**/v1/jobs/{id_}" if page == "job" else "**/v1/jobs?*", late, times=1)
    open_page(gallery, farm, f"/job/{id_}" if page == "job" else f"/batch/{long_job['batch']}")
    state = gallery.locator(".job-state .badge" if page == "job" else f".card[data-job={id_}] .badge")
    expect(state).to_have_text("cancelled")


def test_news_are_shown_while_a_long_log_is_still_read(gallery: Page, farm: Farm, long_job: dict[str, Any]) -> None:
    """Given a log that does not come, the page shows the end that happened after its own first answer."""
    id_ = long_job["id"]
    wait_until(lambda: farm.job(id_)["state"] == "running", seconds=60, what="the start")
    asked: list[Route] = []
    gallery.route(f"**/v1/jobs/{id_}/log*", lambda route: asked.append(route))
    open_page(gallery, farm, f"/job/{id_}")
    state = gallery.locator(".job-state .badge")
    expect(state).to_have_text("running")
    farm.steer("jobs", id_, "cancel")
    expect(state).to_have_text("cancelled")
    for route in asked:
        route.abort()


def test_a_batchs_page_by_the_beginning_of_its_id_hears(gallery: Page, farm: Farm, long_job: dict[str, Any]) -> None:
    open_page(gallery, farm, f"/batch/{long_job['batch'][:-2]}")
    expect(gallery.get_by_role("heading", name="Endless")).to_be_visible()
    card = gallery.locator(f".card[data-job={long_job['id']}]")
    expect(card.locator(".badge")).to_have_text("running", timeout=60_000)
    farm.steer("jobs", long_job["id"], "pause")
    expect(card.locator(".badge")).to_have_text("paused")
    expect(gallery.locator(".legend")).to_contain_text("1 paused")


def test_cancelling_asks_first_and_can_be_undone(gallery: Page, farm: Farm, long_job: dict[str, Any]) -> None:
    open_page(gallery, farm, f"/job/{long_job['id']}")
    state = gallery.locator(".job-state .badge")
    expect(state).to_have_text("running", timeout=60_000)
    gallery.get_by_role("button", name="Cancel").click()
    dialog = gallery.get_by_role("dialog")
    expect(dialog).to_contain_text("Cancel endless?")
    gallery.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert farm.job(long_job["id"])["state"] == "running"
    gallery.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Cancel it").click()
    expect(state).to_have_text("cancelled")
    gallery.get_by_role("button", name="Undo").click()
    expect(state).to_have_text("running", timeout=60_000)


def test_undoing_a_batchs_cancellation_leaves_what_was_cancelled_before(gallery: Page, farm: Farm) -> None:
    batch = farm.submit(*[LONG | {"name": f"endless {i}"} for i in range(2)], name="Two")
    first, second = batch["job_ids"]
    farm.steer("jobs", second, "cancel")
    open_page(gallery, farm, f"/batch/{batch['id']}")
    gallery.get_by_role("button", name="Cancel").click()
    gallery.get_by_role("dialog").get_by_role("button", name="Cancel it").click()
    undo = gallery.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    assert farm.job(first)["state"] == "cancelled"
    undo.click()
    try:
        wait_until(lambda: farm.job(first)["state"] in ("queued", "running"), what="the first job's return")
        assert farm.job(second)["state"] == "cancelled"
    finally:
        farm.steer("jobs", first, "cancel")


def test_pausing_and_going_on(gallery: Page, farm: Farm, long_job: dict[str, Any]) -> None:
    open_page(gallery, farm, f"/job/{long_job['id']}")
    state = gallery.locator(".job-state .badge")
    expect(state).to_have_text("running", timeout=60_000)
    gallery.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("paused")
    gallery.get_by_role("button", name="Resume").click()
    expect(state).to_have_text("running", timeout=60_000)


def test_buttons_and_focus_stay_while_progress_moves(gallery: Page, farm: Farm, long_job: dict[str, Any]) -> None:
    """What is pressed must not be replaced under the finger, nor the focus be lost, twice a second."""
    open_page(gallery, farm, f"/job/{long_job['id']}")
    expect(gallery.locator(".job-state .badge")).to_have_text("running", timeout=60_000)
    pause = gallery.get_by_role("button", name="Pause")
    pause.focus()
    handle = pause.element_handle()
    line = gallery.locator(".progress-line")
    before = line.text_content()
    wait_until(lambda: line.text_content() != before, what="progress")
    assert handle.evaluate("(button) => button.isConnected && document.activeElement === button")
    expect(gallery.locator(".facts-list").first).to_contain_text("MP·it/s")
    expect(gallery.locator(".facts-list").first).to_contain_text("about")


def test_priority_can_be_changed(gallery: Page, farm: Farm, long_job: dict[str, Any]) -> None:
    open_page(gallery, farm, f"/job/{long_job['id']}")
    gallery.get_by_label("Priority").select_option("2")
    wait_until(lambda: farm.job(long_job["id"])["priority"] == 2, what="the new priority")


def test_the_priority_shown_is_the_jobs(gallery: Page, farm: Farm, long_job: dict[str, Any]) -> None:
    """Given an open page, the choice follows what someone else sets, and goes back when setting fails."""
    address = f"/v1/jobs/{long_job['id']}"
    open_page(gallery, farm, f"/job/{long_job['id']}")
    choice = gallery.get_by_label("Priority")
    expect(choice).to_have_value("5")
    farm.http.patch(address, json={"priority": 1}).raise_for_status()
    expect(choice).to_have_value("1")

    def refuse(route: Route) -> None:
        if route.request.method == "PATCH":
            route.fulfill(status=503, json={"detail": "the database is away"})
        else:
            route.continue_()

    gallery.route(f"**{address}", refuse)
    choice.select_option("7")
    expect(gallery.locator(".toast")).to_contain_text("the database is away")
    expect(choice).to_have_value("1")
    gallery.unroute(f"**{address}")
    choice.select_option("7")
    wait_until(lambda: farm.job(long_job["id"])["priority"] == 7, what="the new priority")
    expect(choice).to_have_value("7")


def test_older_batches_come_as_one_scrolls(gallery: Page, farm: Farm) -> None:
    ids = [farm.submit(LONG | {"priority": 9}, name=f"small {i}")["id"] for i in range(30)]
    for id_ in ids:
        farm.steer("batches", id_, "cancel")
    open_page(gallery, farm, "/")
    strip = gallery.locator(".batch-strip")
    expect(strip.locator(".batch-card", has_text="small 29")).to_be_visible()
    oldest = strip.locator(".batch-card", has_text="small 0")

    def scrolled_to_the_oldest() -> bool:
        strip.evaluate("(row) => row.scrollTo(row.scrollWidth, 0)")
        return oldest.count() > 0

    wait_until(scrolled_to_the_oldest, seconds=60, what="the oldest batch")
    names = strip.locator("strong", has_text="small").all_text_contents()
    assert names == [f"small {i}" for i in reversed(range(30))]


def test_the_picture_of_a_running_job_follows_its_frames(gallery: Page, farm: Farm, long_job: dict[str, Any]) -> None:
    open_page(gallery, farm, f"/job/{long_job['id']}")
    picture = gallery.locator(".stage .picture").first
    expect(picture).to_be_visible(timeout=120_000)
    first = picture.get_attribute("src")
    wait_until(lambda: picture.get_attribute("src") != first, seconds=60, what="the next frame")
    expect(gallery.locator(".octaves")).to_have_attribute("aria-valuetext", re.compile("octave 1 of 1"))


def test_only_new_frames_are_asked_for_and_one_list_at_a_time(
    gallery: Page, farm: Farm, long_job: dict[str, Any]
) -> None:
    """Given a job that makes frames, its page never lists what it has, until the job is started over."""
    asked: list[int] = []
    under_way: set[str] = set()
    most: list[int] = []

    def begins(request: Request) -> None:
        if "/frames?" in request.url:
            asked.append(int(*parse_qs(urlsplit(request.url).query).get("cursor", ["-1"])))
            under_way.add(request.url + str(len(asked)))
            most.append(len(under_way))

    gallery.on("request", begins)
    gallery.on("requestfinished", lambda request: "/frames?" in request.url and under_way.clear())
    open_page(gallery, farm, f"/job/{long_job['id']}")
    slider = gallery.get_by_label("Frame", exact=True)
    wait_until(lambda: int(slider.get_attribute("max") or 0) > 20, seconds=60, what="twenty frames")
    known = [number for number in asked if number >= 0]
    assert len(known) > 2
    assert asked == [-1] * (len(asked) - len(known)) + sorted(known)
    assert known[-1] > 10
    assert set(most) == {1}

    farm.steer("jobs", long_job["id"], "pause")
    expect(gallery.locator(".job-state .badge")).to_have_text("paused")
    wait_until(lambda: farm.job(long_job["id"])["worker"] is None, what="the end of the slice")
    store = Store(f"sqlite:///{farm.data / 'dreamfarm.db'}")
    with store.write() as session:
        session.execute(delete(Frame).where(Frame.job_id == long_job["id"], Frame.number != 2))
    store.dispose()
    farm.http.patch(f"/v1/jobs/{long_job['id']}", json={"priority": 6}).raise_for_status()
    expect(slider).to_have_attribute("max", "0")


def test_workers_are_shown(gallery: Page) -> None:
    button = gallery.locator(".workers-button")
    expect(button).to_contain_text("1 worker")
    button.click()
    expect(gallery.get_by_role("heading", name="Workers")).to_be_visible()
    expect(gallery.locator(".worker-list")).to_contain_text("cpu")


@pytest.mark.parametrize("address", ["/job/nosuchjob", "/batch/nosuchbatch"])
def test_what_is_not_there_is_said_to_be_not_there(gallery: Page, farm: Farm, address: str) -> None:
    open_page(gallery, farm, address)
    expect(gallery.get_by_role("heading", name="Not here")).to_be_visible()
    gallery.get_by_role("link", name="To the gallery").click()
    expect(gallery.locator(".chips")).to_be_visible()


def test_a_lost_connection_is_told_and_comes_back(gallery: Page, farm: Farm) -> None:
    """Given a stopped API process, the page says so; when it goes on, the page shows what it missed."""
    open_page(gallery, farm, "/")
    expect(gallery.locator(".chips")).to_be_visible()
    api = psutil.Process(farm.pids()["api"])
    os.kill(api.pid, signal.SIGKILL)
    banner = gallery.locator("#banner")
    expect(banner).to_contain_text("The connection to the farm is lost")
    # The farm starts its API again by itself.
    expect(banner).to_be_hidden(timeout=60_000)
    name = "after the break"
    farm.submit({"kind": "dream", "size": {"long_edge": 96}, "iterations": 2, "name": name})
    expect(gallery.locator(".card", has_text=name)).to_be_visible()


PAGES = ["/", "/new", "/network", "job", "batch"]


def address_of(page: str, dreamt: dict[str, Any]) -> str:
    return {"job": f"/job/{dreamt['id']}", "batch": f"/batch/{dreamt['batch']}"}.get(page, page)


@pytest.mark.parametrize("name", PAGES)
def test_everything_has_a_name_for_screen_readers(gallery: Page, farm: Farm, dreamt: dict[str, Any], name: str) -> None:
    open_page(gallery, farm, address_of(name, dreamt))
    expect(gallery.locator("main h1").first).to_be_attached()
    gallery.wait_for_timeout(500)
    nameless = gallery.evaluate("""() => [...document.querySelectorAll("button, a, input, select, [role=progressbar]")]
        .filter((node) => node.checkVisibility())
        .filter((node) => !(node.textContent.trim() || node.ariaLabel || node.labels?.length))
        .filter((node) => !node.querySelector("img[alt]"))
        .map((node) => node.outerHTML)""")
    assert nameless == []
    assert gallery.evaluate('document.querySelectorAll("img:not([alt])").length') == 0
    assert gallery.evaluate('document.querySelectorAll("h1").length') == 1


@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_a_telephone(gallery: Page, farm: Farm, dreamt: dict[str, Any], name: str) -> None:
    gallery.set_viewport_size({"width": 360, "height": 740})
    open_page(gallery, farm, address_of(name, dreamt))
    expect(gallery.locator("main h1").first).to_be_attached()
    gallery.wait_for_timeout(500)
    assert gallery.evaluate("document.documentElement.scrollWidth") <= 360
    box = gallery.get_by_role("button", name="Sign out").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 360


def test_the_keyboard_alone_gets_everywhere(gallery: Page, farm: Farm, dreamt: dict[str, Any]) -> None:
    open_page(gallery, farm, f"/batch/{dreamt['batch']}")
    expect(gallery.locator(".card:not(.skeleton)")).to_have_count(1)
    for _ in range(40):
        gallery.keyboard.press("Tab")
        if gallery.evaluate("document.activeElement.dataset.job") == dreamt["id"]:
            break
    gallery.keyboard.press("Enter")
    expect(gallery.get_by_role("heading", name="dusk.jpg")).to_be_visible()
    assert gallery.evaluate("document.activeElement.id") == "main"
