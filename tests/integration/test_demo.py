"""`make demo`, as people run it first."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from PIL import Image

from deploy.demo import BATCH
from shared.outputs import manifest_in


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The demo's command; its farm lives in `tmp_path/tmp`."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    # A farm that is configured for other work must not get the demo's.
    monkeypatch.setenv("DREAMFARM_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("DREAMFARM_DATABASE_URL", "postgresql://127.0.0.1:1/other")
    return [sys.executable, "-m", "deploy.demo", str(tmp_path / "out")]


def test_it_leaves_pictures_and_nothing_else(demo: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "of-the-last-demo.png").touch()
    (out / ".demo.json").write_text('["of-the-last-demo.png", "../beside.png", "gone.png"]')
    (tmp_path / "beside.png").touch()
    (out / "holiday.jpg").touch()
    (out / "notes.txt").touch()
    ran = subprocess.run(demo, capture_output=True, text=True, timeout=280, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert str(out) in ran.stdout
    pictures = sorted(out.glob("*.png"))
    assert len(pictures) == len(BATCH)
    kinds = []
    for path in pictures:
        with Image.open(path) as picture:
            picture.load()
            assert max(picture.size) >= 320
        kinds.append(manifest_in(path.read_bytes()).spec.kind)
        assert path.with_suffix(".json").exists()
    assert kinds.count("dream") >= 4
    assert kinds.count("style") == 1
    with Image.open(out / "contact-sheet.jpg") as sheet:
        assert sheet.size[0] > 1000
    assert len(list(out.glob("*.mp4"))) == 1
    assert (out / "notes.txt").exists()
    assert (out / "holiday.jpg").exists(), "only what a demo made is cleared away"
    assert (tmp_path / "beside.png").exists()
    listed = set(json.loads((out / ".demo.json").read_text()))
    assert listed == {path.name for path in out.iterdir()} - {".demo.json", "holiday.jpg", "notes.txt"}
    assert f"{len(BATCH)} succeeded" in ran.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_its_farm_when_it_is_interrupted(demo: list[str], tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(demo, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        assert process.stderr is not None
        for line in process.stderr:
            if "running" in line or "octave" in line:
                break
        members = psutil.Process(process.pid).children(recursive=True)
        assert len(members) >= 6
        os.kill(process.pid, number)
        said = process.stderr.read()
        assert process.wait() == 130
        watchdog.cancel()
    assert "go on without you" not in said
    assert "its farm has stopped" in said
    assert not [m for m in members if m.is_running() and m.status() != psutil.STATUS_ZOMBIE]
    assert list((tmp_path / "tmp").iterdir()) == []
