"""Deleting in the gallery: what goes at once, what comes back, and what a link to it says meanwhile."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import Farm
from tests.browser.test_watch import open_page

SMALL: dict[str, Any] = {"kind": "dream", "size": {"long_edge": 64}, "octaves": {"count": 1}, "iterations": 1}


def made(farm: Farm, name: str, jobs: int) -> tuple[str, list[str]]:
    """A batch and its jobs, all finished."""
    answer = farm.submit(*[SMALL | {"name": f"{name} {i}"} for i in range(jobs)], name=name)
    for id_ in answer["job_ids"]:
        farm.finished(id_)
    return answer["id"], answer["job_ids"]


def card(page: Page, id_: str) -> Locator:
    return page.locator(f".card[data-job={id_}]")


def test_a_job_is_deleted_and_brought_back(gallery: Page, farm: Farm, context: BrowserContext) -> None:
    """Given two open pages, a job that is deleted on one goes from the other, and Undo brings it back to both."""
    _, (first, second) = made(farm, "fleeting", 2)
    other = context.new_page()
    open_page(other, farm, "/")
    expect(card(other, first)).to_be_visible()

    open_page(gallery, farm, f"/job/{first}")
    gallery.get_by_role("button", name="Delete").click()
    expect(gallery.locator(".trash-note")).to_contain_text("It can be restored until")
    expect(gallery.get_by_role("button", name="Restore")).to_be_visible()
    expect(gallery.get_by_role("button", name="Delete")).to_have_count(0)
    expect(card(other, first)).to_have_count(0)
    expect(card(other, second)).to_be_visible()
    expect(other.locator(".batch-card", has_text="fleeting")).to_contain_text("1 job ")

    gallery.get_by_role("button", name="Undo").click()
    expect(gallery.get_by_role("button", name="Delete")).to_be_visible()
    expect(gallery.locator(".trash-note")).to_be_hidden()
    expect(card(other, first)).to_be_visible()
    assert farm.job(first)["deleted_at"] is None
    expect(other.locator(".batch-card", has_text="fleeting")).to_contain_text("2 jobs")
    other.close()


def test_a_batch_is_deleted_and_restored_from_the_trash(gallery: Page, farm: Farm) -> None:
    batch, jobs = made(farm, "passing", 2)
    made(farm, "staying", 1)
    strip = gallery.locator(".batch-strip")
    open_page(gallery, farm, f"/batch/{batch}")
    expect(card(gallery, jobs[0])).to_be_visible()
    gallery.get_by_role("button", name="Delete").click()
    expect(gallery.locator(".trash-note")).to_contain_text("It can be restored until")
    # A link to it shows what is to be restored.
    gallery.reload()
    expect(gallery.locator(".trash-note")).to_be_visible()
    expect(card(gallery, jobs[1]).locator("img.loaded")).to_be_visible()

    open_page(gallery, farm, "/")
    expect(strip.locator(".batch-card", has_text="staying")).to_be_visible()
    expect(strip.locator(".batch-card", has_text="passing")).to_have_count(0)
    expect(card(gallery, jobs[0])).to_have_count(0)
    gallery.get_by_role("link", name="deleted").click()
    card(gallery, jobs[0]).click()
    gallery.get_by_role("link", name="Its batch").click()
    gallery.get_by_role("button", name="Restore").click()
    expect(gallery.locator(".trash-note")).to_be_hidden()
    expect(card(gallery, jobs[0])).to_be_visible()
    open_page(gallery, farm, "/")
    expect(strip.locator(".batch-card", has_text="passing")).to_be_visible()
    names = strip.locator("strong").all_text_contents()
    assert names.index("staying") < names.index("passing"), "newest first, also what was restored"


def test_what_is_not_finished_cannot_be_deleted(gallery: Page, farm: Farm, long_job: dict[str, Any]) -> None:
    for address in (f"/job/{long_job['id']}", f"/batch/{long_job['batch']}"):
        open_page(gallery, farm, address)
        expect(gallery.get_by_role("button", name="Cancel")).to_be_visible()
        expect(gallery.get_by_role("button", name="Delete")).to_have_count(0)
