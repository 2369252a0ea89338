"""A whole farm, worked with from the command line: dream, verify, run again, interrupt, pause; and without the farm."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.conftest import wait_until

SAMPLES = Path(__file__).parents[2] / "shared" / "samples"
SMALL = ("--size", "160", "--octaves", "2", "--iterations", "3")
PATIENCE = 180


class Terminal:
    """Somebody at a command line on the farm's machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("DREAMFARM_")}
        self.environment |= {"DREAMFARM_DATA": str(folder / "data"), "DREAMFARM_FLOWER_PORT": "0"}

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command."""
        command = [sys.executable, "-m", "deploy.main", *map(str, arguments)]
        return subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C reaches it, also where the tests themselves run in the background, which ignores it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *arguments: object, code: int = 0) -> tuple[str, str]:
        """Run a command, which must end with this exit code; what it printed and what it said."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, out + err
        return out, err

    def json(self, *arguments: object) -> Any:
        """What a command prints with --json."""
        return json.loads(self.run(*arguments, "--json")[0])


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A running farm and somebody at its command line."""
    terminal = Terminal(tmp_path_factory.mktemp("farm"))
    terminal.run("up", "--detach", "--port", "0")
    yield terminal
    terminal.run("down")


@pytest.fixture(scope="module")
def output(at: Terminal) -> Path:
    """A dream that the farm rendered."""
    folder = at.folder / "out"
    out, err = at.run("dream", SAMPLES / "lake.jpg", *SMALL, "--animation", "gif", "--watch", "--out", folder)
    assert "✓ succeeded  lake.jpg  160×" in err
    job = out.strip()
    assert {p.name for p in folder.iterdir()} == {
        f"lake-{job}.png", f"lake-{job}.json", f"lake-{job}-animation.gif",
    }  # fmt: skip
    return folder / f"lake-{job}.png"


def pixels(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture's values."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_an_output_can_be_verified(at: Terminal, output: Path) -> None:
    out, _ = at.run("verify", output)

    assert "same" in out
    assert at.json("verify", output, "--input", SAMPLES / "lake.jpg")["same"] is True


def test_an_output_that_was_painted_over_is_found_out(at: Terminal, output: Path) -> None:
    painted = at.folder / "painted.png"
    with Image.open(output) as image:
        info = PngInfo()
        info.add_itxt("dreamfarm", image.info["dreamfarm"])
        image.putpixel((5, 5), (255, 0, 255))
        image.save(painted, pnginfo=info)

    out, _ = at.run("verify", painted, code=1)

    assert "different" in out


def test_what_this_process_renders_is_what_the_farm_renders(at: Terminal, output: Path) -> None:
    out, _ = at.run("render", "dream", SAMPLES / "lake.jpg", *SMALL, "--out", at.folder / "here")

    assert Path(out.strip()) == at.folder / "here" / "lake-dream.png"
    assert np.array_equal(pixels(Path(out.strip())), pixels(output))


def test_running_again_changed_gives_another_picture(at: Terminal, output: Path) -> None:
    out, _ = at.run("rerun", output, "--set", "step=4", "--set", "animation=null", "--out", at.folder / "again")

    again = at.folder / "again" / f"lake-{out.strip()}.png"
    assert {p.suffix for p in again.parent.iterdir()} == {".png", ".json"}
    assert not np.array_equal(pixels(again), pixels(output))


def test_interrupting_the_watch_leaves_the_job_running(at: Terminal) -> None:
    job = at.run("dream", SAMPLES / "dusk.jpg", "--size", "512", "--iterations", "200")[0].strip()
    watching = at.start("watch", job)
    assert watching.stderr is not None
    wait_until(lambda: "octave" in watching.stderr.readline(), seconds=PATIENCE, what="progress")
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=PATIENCE)

    assert watching.returncode == 130
    assert f"dreamfarm watch {job}" in err
    assert "Traceback" not in err
    assert at.json("show", job)["state"] == "running"
    at.run("cancel", job)


def test_a_waiting_job_that_is_paused_stays_so_until_it_is_resumed(at: Terminal) -> None:
    first = at.run("dream", SAMPLES / "dusk.jpg", "--size", "512", "--iterations", "200")[0].strip()
    waiting = at.run("dream", SAMPLES / "lake.jpg", *SMALL)[0].strip()
    wait_until(lambda: at.json("show", first)["state"] == "running", seconds=PATIENCE)
    at.run("pause", waiting)
    at.run("cancel", first)
    another = at.run("dream", *SMALL, "--watch")[0].strip()

    assert at.json("show", another)["state"] == "succeeded"
    assert at.json("show", waiting)["state"] == "paused"
    at.run("resume", waiting)
    at.run("watch", waiting)
    assert at.json("show", waiting)["state"] == "succeeded"


def test_a_style_transfer_is_rendered_here_with_its_frames(at: Terminal) -> None:
    style = f"{SAMPLES / 'swirls.jpg'}=2"
    options = ("--size", "128", "--octaves", "1", "--iterations", "4", "--frames-every", "2")
    here = at.folder / "styled"
    made = at.json("render", "style", SAMPLES / "fruit.jpg", "--style", style, *options, "--out", here)

    files = [Path(file).relative_to(here).as_posix() for file in made[0]["files"]]
    assert files == [
        "fruit-style.json", "fruit-style-frames/00001.jpg", "fruit-style-frames/00002.jpg", "fruit-style.png",
    ]  # fmt: skip
    assert (
        "is there already"
        in at.run("render", "style", SAMPLES / "fruit.jpg", "--style", style, *options, "--out", here, code=2)[1]
    )
    assert at.json(
        "verify", here / "fruit-style.png", "--input", SAMPLES / "fruit.jpg", "--input", SAMPLES / "swirls.jpg"
    )["same"]


def test_a_network_tells_what_it_sees_at_any_size(at: Terminal) -> None:
    large = at.folder / "large.jpg"
    with Image.open(SAMPLES / "fruit.jpg") as image:
        image.resize((image.width * 3, image.height * 3)).save(large, quality=95)
    seen = at.json("classify", "motifnet", SAMPLES / "fruit.jpg")
    seen_large = at.json("classify", "motifnet", large)

    assert seen_large[0]["class"] == seen[0]["class"]
    assert abs(seen_large[0]["probability"] - seen[0]["probability"]) < 0.05

    assert len(seen) == 5
    assert seen[0]["probability"] >= seen[1]["probability"] > 0
    assert "TensorFlow" not in at.run("classify", "motifnet", SAMPLES / "fruit.jpg")[1]


def test_portraits_made_here_are_shown_by_the_farm(at: Terminal) -> None:
    """Given a network that was portrayed on the farm's machine, the farm has the pictures, for those with a key."""
    at.run(
        "models", "portray", "motifnet", "--layer", "conv2d1", "--channels", "2", "--size", "64", "--iterations", "1"
    )
    out, _ = at.run("models", "show", "motifnet", "--sheet", at.folder / "page.jpg")

    address = json.loads((at.folder / "data" / "farm.json").read_text())["api"]
    assert at.json("models", "show", "motifnet")["links"]["contact_sheet"]
    assert "/#/network/motifnet" in at.run("models", "show", "motifnet")[0]
    with Image.open(at.folder / "page.jpg") as image:
        assert image.format == "JPEG"
    assert "page.jpg" in out
    key = (at.folder / "data" / "key").read_text().strip()
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}) as http:
        listed = [p for p in http.get("/v1/models/motifnet/portraits").json() if p["layer"] == "conv2d1"]
        assert [p["channel"] for p in listed][:2] == [None, 0]
        picture = http.get(listed[0]["links"]["picture"])
        assert picture.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(picture.content)).size == (64, 64)
        assert "immutable" in picture.headers["cache-control"]
        for file in ("nothing.jpg", "portraits.json", "..%2Fcard.json"):
            assert http.get(f"/v1/models/motifnet/portraits/{file}").status_code == 404
        assert httpx.get(f"{address}{listed[0]['links']['picture']}").status_code == 401
