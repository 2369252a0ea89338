"""Who gets in, and what they may see and do there."""

from __future__ import annotations

import httpx
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Farm


def test_the_printed_link_opens_the_gallery_and_leaves_no_key_behind(anyone: Page, farm: Farm) -> None:
    anyone.goto(farm.link)
    expect(anyone.get_by_role("link", name="Gallery", exact=True)).to_be_visible()
    assert farm.key not in anyone.url
    assert farm.key not in anyone.content()
    assert anyone.evaluate("[...Object.values(localStorage), ...Object.values(sessionStorage)].join()") == ""
    assert farm.key not in anyone.evaluate("document.cookie")
    anyone.reload()
    expect(anyone.get_by_role("link", name="Gallery", exact=True)).to_be_visible()


def test_a_link_signs_nobody_in_as_somebody_else_unasked(gallery: Page, farm: Farm, context: BrowserContext) -> None:
    """Given somebody who is signed in, a link with another's key asks first; it may have been made by anybody."""
    link, cookies = f"{farm.url}/#key={farm.key_for('eve', 'submitter')}", context.cookies()
    who = gallery.locator(".who")
    gallery.goto(link)
    expect(gallery.get_by_role("dialog", name="Change from local to eve?")).to_be_visible()
    assert context.cookies() == cookies
    gallery.get_by_role("button", name="Stay local").click()
    expect(gallery.get_by_role("dialog")).to_have_count(0)
    expect(who).to_have_text("local")
    assert context.cookies() == cookies

    another = context.new_page()
    another.goto(link)
    expect(another.get_by_role("dialog")).to_be_visible()
    another.keyboard.press("Escape")
    expect(another.locator(".who")).to_have_text("local")
    another.close()

    gallery.goto(f"{farm.url}/#key=df_wrong")
    expect(gallery.locator(".toast")).to_contain_text("unknown")
    expect(who).to_have_text("local")

    gallery.goto(link)
    gallery.get_by_role("button", name="Change").click()
    expect(who).to_have_text("eve")
    # Another key of one's own is no change of persons.
    gallery.goto(f"{farm.url}/#key={farm.key_for('eve', 'viewer')}")
    expect(gallery.get_by_role("link", name="New")).to_be_hidden()
    expect(who).to_have_text("eve")


def test_without_a_key_there_is_only_the_door(anyone: Page, farm: Farm) -> None:
    anyone.goto(farm.url)
    expect(anyone.get_by_role("heading", name="What does your machine dream of?")).to_be_visible()
    anyone.get_by_label("Key").fill("df_wrong")
    anyone.get_by_role("button", name="Open the gallery").click()
    expect(anyone.get_by_role("alert")).to_contain_text("unknown")
    anyone.get_by_label("Key").fill(farm.key)
    anyone.keyboard.press("Enter")
    expect(anyone.get_by_role("link", name="Gallery", exact=True)).to_be_visible()


def test_signing_out_forgets_the_browser(gallery: Page, context: BrowserContext) -> None:
    gallery.get_by_role("button", name="Sign out").click()
    expect(gallery.get_by_label("Key")).to_be_visible()
    assert context.cookies() == []
    gallery.reload()
    expect(gallery.get_by_label("Key")).to_be_visible()


def test_who_cannot_be_signed_out_is_told_so(gallery: Page) -> None:
    """Given a farm that is away, the browser is still signed in, and the page does not look as if it were not."""
    gallery.route("**/v1/session", lambda route: route.abort())
    gallery.get_by_role("button", name="Sign out").click()
    expect(gallery.locator(".toast")).to_contain_text("still signed in: the farm cannot be reached")
    expect(gallery.locator(".chips")).to_be_visible()
    gallery.unroute("**/v1/session")
    gallery.get_by_role("button", name="Sign out").click()
    expect(gallery.get_by_label("Key")).to_be_visible()


def test_a_viewer_looks_and_changes_nothing(anyone: Page, farm: Farm, dreamt: dict[str, object]) -> None:
    anyone.goto(f"{farm.url}/#key={farm.key_for('guest', 'viewer')}")
    expect(anyone.get_by_role("heading", name="No dreams yet")).to_be_visible()
    expect(anyone.get_by_role("link", name="New")).to_be_hidden()
    expect(anyone.get_by_role("link", name="Make the first one")).to_have_count(0)
    # Another owner's job is not there for them.
    anyone.goto(f"{farm.url}/#/job/{dreamt['id']}")
    expect(anyone.get_by_role("heading", name="Not here")).to_be_visible()


def test_scripts_from_elsewhere_do_not_run(context: BrowserContext, farm: Farm) -> None:
    """The content security policy: no inline scripts, no other origins."""
    page = context.new_page()
    page.goto(farm.link)
    policy = httpx.get(farm.url).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.broken = true";
        document.body.append(script);
        const button = document.createElement("button");
        button.setAttribute("onclick", "window.broken = true");
        document.body.append(button);
        button.click();
    }""")
    assert page.evaluate("window.broken") is None


def test_nobody_reads_the_programs_source_from_the_gallery(farm: Farm) -> None:
    for path in ["/web/__init__.py", "/web/../__init__.py", "/web/%2e%2e/__init__.py", "/__init__.py"]:
        assert httpx.get(farm.url + path).status_code == 404
