"""A real farm and a real browser."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from shared.samples import sample
from tests.conftest import wait_until

# A busy machine is given time; a test that waits in vain fails all the same.
expect.set_options(timeout=20_000)


_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
#: As root and in containers Chromium has no sandbox; the others keep it from looking for the network.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: A farm starts in ten seconds; other tests may be using the processors.
PATIENCE = 120


@dataclass
class Farm:
    """A running farm, as someone with its key sees it."""

    data: Path
    url: str
    key: str
    http: httpx.Client

    @property
    def link(self) -> str:
        """What `dreamfarm up` prints."""
        return f"{self.url}/#key={self.key}"

    def upload(self, path: Path) -> str:
        """The asset of a picture."""
        return str(self._ok(self.http.post("/v1/assets", content=path.read_bytes()))["id"])

    def submit(self, *specs: dict[str, Any], name: str = "") -> dict[str, Any]:
        """Submit a batch; the answer."""
        return self._ok(self.http.post("/v1/batches", json={"name": name, "jobs": list(specs)}))

    def steer(self, kind: str, id_: str, action: str) -> None:
        """Cancel, pause, resume or retry a job or batch."""
        self._ok(self.http.post(f"/v1/{kind}/{id_}/{action}"))

    def job(self, id_: str) -> dict[str, Any]:
        """A job as it is now."""
        return self._ok(self.http.get(f"/v1/jobs/{id_}"))

    def key_for(self, owner: str, role: str) -> str:
        """A key of another person."""
        return str(self._ok(self.http.post("/v1/keys", json={"owner": owner, "role": role}))["key"])

    def pids(self) -> dict[str, int]:
        """The processes of the farm's parts."""
        return dict(json.loads((self.data / "farm.json").read_text())["pids"])

    def finished(self, id_: str) -> dict[str, Any]:
        """A job once it has succeeded."""
        wait_until(lambda: self.job(id_)["state"] == "succeeded", seconds=PATIENCE, what=f"the end of job {id_}")
        return self.job(id_)

    @staticmethod
    def _ok(answer: httpx.Response) -> dict[str, Any]:
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found


def _dreamfarm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.fixture(scope="package")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """A whole farm with one worker, for all tests of the gallery."""
    data = tmp_path_factory.mktemp("gallery") / "farm"
    started = _dreamfarm("up", "--data", str(data), "--port", "0", "--workers", "1", "--detach")
    assert started.returncode == 0, started.stdout + started.stderr
    url = json.loads((data / "farm.json").read_text())["api"]
    key = (data / "key").read_text().strip()
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
        yield Farm(data, url, key, http)
    _dreamfarm("down", "--data", str(data))


@pytest.fixture(scope="package")
def dreamt(farm: Farm) -> dict[str, Any]:
    """A finished dream of the bundled dusk, with frames and an animation."""
    spec = {
        "kind": "dream",
        "input": farm.upload(sample("dusk")),
        "name": "dusk.jpg",
        "size": {"long_edge": 160},
        "octaves": {"count": 2},
        "iterations": 4,
        "frames": {"every": 2},
        "animation": "mp4",
    }
    return farm.finished(farm.submit(spec, name="At dusk")["job_ids"][0])


#: A dream that goes on for much longer than any test looks at it, in small steps.
LONG = {
    "kind": "dream",
    "size": {"long_edge": 128},
    "octaves": {"count": 1},
    "iterations": 20_000,
    "frames": {"every": 5},
}


@pytest.fixture
def long_job(farm: Farm) -> Iterator[dict[str, Any]]:
    """A job that runs until the test has ended."""
    id_ = farm.submit(LONG | {"name": "endless"}, name="Endless")["job_ids"][0]
    yield farm.job(id_)
    if farm.job(id_)["state"] in ("queued", "running", "paused"):
        farm.steer("jobs", id_, "cancel")


# Not of the whole session: while Playwright runs, no other test could run an event loop of its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), str(_MAC) if _MAC.exists() else None)
    with sync_playwright() as playwright:
        if found is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium or Chrome is installed (Debian: apt-get install chromium)")
        running = playwright.chromium.launch(executable_path=found, headless=True, args=_FLAGS)
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that has never been at the farm."""
    fresh = browser.new_context(viewport={"width": 1280, "height": 860}, accept_downloads=True)
    fresh.set_default_timeout(30_000)
    yield fresh
    fresh.close()


@pytest.fixture
def anyone(context: BrowserContext) -> Iterator[Page]:
    """A page of nobody yet. In the end nothing may have gone wrong in it that no test expects."""
    page = context.new_page()
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    # Answers that are errors are logged by the browser itself; the gallery's own handling of them is what is tested.
    page.on(
        "console",
        lambda said: (
            mistakes.append(said.text)
            if said.type == "error" and "Failed to load resource" not in said.text and "ERR_" not in said.text
            else None
        ),
    )
    yield page
    assert mistakes == []


@pytest.fixture
def gallery(anyone: Page, farm: Farm) -> Page:
    """The gallery, opened by the link that `dreamfarm up` prints."""
    anyone.goto(farm.link)
    anyone.wait_for_selector("#nav:not([hidden])")
    return anyone
