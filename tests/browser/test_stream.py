"""The stream of events: one for all open pages of the gallery, and always of whoever is signed in."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import LONG, Farm
from tests.conftest import wait_until

#: More than the connections that a browser opens to one host.
_PAGES = 8


def hears(page: Page, farm: Farm, name: str) -> None:
    """What is submitted elsewhere comes onto the page by itself."""
    id_ = farm.submit(LONG | {"name": name, "priority": 9})["job_ids"][0]
    expect(page.locator(f".card[data-job={id_}]")).to_be_visible()
    farm.steer("jobs", id_, "cancel")
    expect(page.locator(f".card[data-job={id_}] .badge")).to_have_text("cancelled")


def test_many_open_pages_all_answer_and_all_hear(gallery: Page, context: BrowserContext, farm: Farm) -> None:
    """Given eight pages side by side, each loads and hears; when the first is closed, the others go on hearing."""
    pages = [gallery, *(context.new_page() for _ in range(_PAGES - 1))]
    for page in pages[1:]:
        page.goto(farm.url)
        expect(page.locator(".chips")).to_be_visible()
    id_ = farm.submit(LONG | {"name": "seen by all", "priority": 9})["job_ids"][0]
    for page in pages:
        expect(page.locator(f".card[data-job={id_}]")).to_be_visible()
    farm.steer("jobs", id_, "cancel")
    gallery.close()
    for page in pages[1:]:
        expect(page.locator(f".card[data-job={id_}] .badge")).to_have_text("cancelled")
    hears(pages[-1], farm, "seen by those left")


def test_who_signs_in_hears_of_their_own_work(anyone: Page, context: BrowserContext, farm: Farm) -> None:
    """Given an open page of someone else, whose stream the new page shares, it is opened anew."""
    anyone.goto(f"{farm.url}/#key={farm.key_for('stella', 'submitter')}")
    expect(anyone.locator(".chips")).to_be_visible()
    mine = context.new_page()
    mine.goto(farm.link)
    mine.get_by_role("dialog").get_by_role("button", name="Change").click()
    expect(mine.locator(".who")).to_have_text("local")
    hears(mine, farm, "mine")


def test_a_page_left_and_come_back_to_hears_again(gallery: Page, farm: Farm) -> None:
    gallery.goto(f"{farm.url}/docs")
    gallery.go_back()
    expect(gallery.locator(".chips")).to_be_visible()
    hears(gallery, farm, "after coming back")


_WITHOUT_SHARING = """() => {
  delete window.SharedWorker;
  window.streams = [];
  const Original = EventSource;
  window.EventSource = class extends Original {
    constructor(address) { super(address); window.streams.push(this); }
  };
  window.EventSource.CLOSED = Original.CLOSED;
  window.turn = (state) => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  };
}"""


def test_without_anything_to_share_hidden_pages_let_go(anyone: Page, farm: Farm) -> None:
    """Given a browser without shared workers, a page that is out of sight holds no connection, and then catches up."""
    anyone.add_init_script(f"({_WITHOUT_SHARING})()")
    anyone.goto(farm.link)
    expect(anyone.locator(".chips")).to_be_visible()
    wait_until(lambda: anyone.evaluate("streams.filter((s) => s.readyState === 1).length") == 1, what="the stream")
    anyone.evaluate("turn('hidden')")
    wait_until(lambda: anyone.evaluate("streams.every((s) => s.readyState === 2)"), what="the end of the stream")
    id_ = farm.submit(LONG | {"name": "unseen", "priority": 9})["job_ids"][0]
    anyone.evaluate("turn('visible')")
    expect(anyone.locator(f".card[data-job={id_}]")).to_be_visible()
    farm.steer("jobs", id_, "cancel")
    expect(anyone.locator(f".card[data-job={id_}] .badge")).to_have_text("cancelled")
