"""The commands against a real API: what they submit, print, fetch, and how they end."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from deploy.main import build
from shared.cards import card
from shared.outputs import manifest_in, manifest_of, output_file
from shared.plan import plan
from shared.specs import SPEC
from shared.store import keys, now
from shared.store.tables import Asset, Job, Worker
from tests.conftest import wait_until
from tests.integration.conftest import RunningApi, picture
from tests.integration.worker_hand import failed, finished, framed, taken

APP = build()
SMALL = ("--size", "96", "--iterations", "2")


class Terminal:
    """Somebody at a command line, with a key, in a folder with pictures."""

    def __init__(self, api: RunningApi, folder: Path) -> None:
        with api.store.write() as session:
            key = keys.create(session, "ada", "submitter")[1]
        self.api = api
        self.environment = {"DREAMFARM_URL": api.url, "DREAMFARM_KEY": key, "NO_COLOR": "1"}
        self.folder = folder

    def run(self, *arguments: object, code: int = 0) -> Result:
        """Run a command, which must end with this exit code."""
        result = CliRunner().invoke(APP, [str(a) for a in arguments], env=self.environment, prog_name="dreamfarm")
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: object) -> Any:
        """What a command prints with --json."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def id(self, *arguments: object) -> str:
        """The ID that a submission prints."""
        return self.run(*arguments).stdout.strip()

    def picture(self, name: str, *, seed: int = 0) -> Path:
        """A picture file in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(120, 96, seed=seed))
        return path

    def number(self, table: type[Job] | type[Asset]) -> int:
        """How many rows the farm has of a kind."""
        with self.api.store.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def at(one_api: RunningApi, tmp_path: Path) -> Iterator[Terminal]:
    """Somebody at a command line."""
    return Terminal(one_api, tmp_path / "pictures")


def in_background(action: Callable[[], object]) -> threading.Thread:
    """Do it in a thread that has begun."""
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def test_a_dream_is_submitted_as_wished(at: Terminal) -> None:
    castle = at.picture("castle.jpg")
    options = "--layer mixed4c:3=0.5 --layer mixed3a --octaves 2 --octave-scale 1.3 --step 2.5 --seed 7 --tiling roll"
    options += " --frames-every 1 --animation gif --priority 2 --format tiff --bits 16 --detail none --gradient std"

    job = at.id("dream", castle, *SMALL, *options.split())

    spec = at.json("show", job)["spec"]
    assert [(t["layer"], t["channel"], t["weight"]) for t in spec["objective"]] == [
        ("mixed4c", "3", 0.5), ("mixed3a", None, 1.0),
    ]  # fmt: skip
    assert (spec["octaves"], spec["step"], spec["seed"]) == ({"count": 2, "scale": 1.3}, 2.5, 7)
    assert (spec["tiling"]["mode"], spec["frames"]["every"], spec["animation"]) == ("roll", 1, "gif")
    assert (spec["output"]["format"], spec["output"]["bits"], spec["detail"]) == ("tiff", 16, "none")
    assert (spec["priority"], spec["name"], spec["gradient"]["normalise"]) == (2, "castle.jpg", "std")


def test_several_pictures_are_a_batch_and_none_is_noise(at: Terminal) -> None:
    batch = at.id("dream", at.picture("a.png"), at.picture("b.png", seed=1), *SMALL)
    noise = at.id("dream", *SMALL)

    assert batch.startswith("b")
    assert [job["name"] for job in at.json("ls", "--batch", batch)] == ["b.png", "a.png"]
    assert at.json("show", noise)["spec"]["input"] is None
    assert "2 queued" in at.run("show", batch).stdout


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_submitted(at: Terminal) -> None:
    castle = at.picture("castle.jpg")

    answer = at.run("dream", castle, *SMALL, "--out", castle / "results", code=1)

    assert str(castle) in answer.stderr
    assert at.number(Job) == 0


def test_a_style_transfer_is_submitted_as_wished(at: Terminal) -> None:
    castle, sea, wood = at.picture("castle.jpg"), at.picture("sea.jpg", seed=1), at.picture("wood.jpg", seed=2)

    job = at.id("style", castle, "--style", f"{sea}=2", "--style", wood, "--keep-colors", "--tv-weight", "0.5", *SMALL)

    spec = at.json("show", job)["spec"]
    assert [style["weight"] for style in spec["styles"]] == [2.0, 1.0]
    assert len({spec["content"], *(style["asset"] for style in spec["styles"])}) == 3
    assert (spec["kind"], spec["keep_colors"], spec["tv_weight"]) == ("style", True, 0.5)


def test_a_dry_run_tells_the_cost_and_leaves_nothing(at: Terminal) -> None:
    at.picture("a.png")
    at.picture("b.png")

    shown = at.run("batch", at.folder, "--sweep", "layer=mixed3a,mixed4c", "--sweep", "seed=1..3", "--dry-run")
    total = at.json("batch", at.folder, "--sweep", "seed=1..300", "--dry-run")["total"]

    assert "jobs    12" in shown.stdout
    assert "a layer=mixed3a seed=1" in shown.stdout
    assert "120×96" in shown.stdout
    assert "MP·it" in shown.stdout
    assert total["jobs"] == 600
    assert (at.number(Job), at.number(Asset)) == (0, 0)


def test_a_manifest_is_submitted_with_settings_and_sweeps(at: Terminal) -> None:
    at.picture("in/a.png")
    at.picture("in/b.png", seed=1)
    manifest = at.folder / "jobs.csv"
    manifest.write_text("input,size,layer\nin/a.png,96,mixed4c\nin/b.png,,logits:eye\n")

    batch = at.id("batch", manifest, "--set", "iterations=2", "--sweep", "step=1,2")

    shown = at.json("show", batch)
    jobs = [at.json("show", job["id"])["spec"] for job in reversed(at.json("ls", "--batch", batch))]
    assert (shown["name"], shown["jobs"]) == ("jobs.csv", 4)
    assert [(spec["name"], spec["step"], spec["iterations"], spec["size"]["long_edge"]) for spec in jobs] == [
        ("a step=1", 1.0, 2, 96), ("a step=2", 2.0, 2, 96), ("b step=1", 1.0, 2, None), ("b step=2", 2.0, 2, None),
    ]  # fmt: skip
    assert at.number(Asset) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.png,mixed4c,fast", "line 3: step: "),
        ("a.png,mixed4x,1", "line 3: objective.0.layer: model 'motifnet' has no layer 'mixed4x' (did you mean"),
        ("gone.png,mixed4c,1", "there is no picture"),
        ("broken.png,mixed4c,1", "broken.png: "),
    ],
)
def test_a_mistake_in_a_manifest_is_told_with_its_line(at: Terminal, line: str, said: str) -> None:
    at.picture("a.png")
    (at.folder / "broken.png").write_bytes(picture()[:200])
    manifest = at.folder / "jobs.csv"
    manifest.write_text(f"input,layer,step\na.png,mixed4c,1\n{line}\n")

    result = at.run("batch", manifest, code=2)

    assert said in result.stderr
    assert result.stdout == ""
    assert at.number(Job) == 0


def test_jobs_are_listed_and_steered_by_short_ids(at: Terminal) -> None:
    job = at.id("dream", *SMALL, "--name", "alone")
    short = job[:8]

    assert "alone" in at.run("ls").stdout
    assert "paused" in at.run("pause", short).stderr
    assert [j["id"] for j in at.json("ls", "--state", "paused", "--state", "failed")] == [job]
    assert at.json("resume", short)["job"]["state"] == "queued"
    assert at.json("priority", short, 0)["job"]["priority"] == 0
    assert "cancelled" in at.run("cancel", short).stderr
    assert "nothing to change" in at.run("cancel", short).stderr
    assert "pause works on a job that is" in at.run("pause", short, code=1).stderr
    assert "has not failed" in at.run("retry", short, "--failed", code=2).stderr
    assert at.json("retry", short)["changed"] == 1
    assert "cancelled by ada" in at.run("log", short).stdout
    assert "fits several" in at.run("show", "j", code=2).stderr if at.id("dream", *SMALL) else ""
    assert "there is no job" in at.run("show", "j00000000000", code=2).stderr


def test_several_are_steered_at_once(at: Terminal) -> None:
    first, *jobs = (at.id("dream", *SMALL, "--name", name) for name in ("a", "b", "c"))
    assert "there is no job" in at.run("pause", *jobs, "j00000000000", code=2).stderr
    assert [at.json("show", job)["state"] for job in jobs] == ["queued"] * 2  # a mistyped ID is told before

    assert [done["job"]["state"] for done in at.json("pause", *jobs)] == ["paused"] * 2
    assert [done["job"]["priority"] for done in at.json("priority", *jobs, 7)] == [7, 7]
    at.run("resume", *jobs)
    at.run("pause", jobs[0])
    told = at.run("cancel", first, *jobs).stderr.splitlines()
    assert len(told) == 4
    at.run(*told[3].removeprefix("undo: dreamfarm ").split())
    assert [at.json("show", job)["state"] for job in jobs] == ["paused", "queued"]


def test_workers_are_listed(at: Terminal) -> None:
    assert "No worker is there" in at.run("workers").stderr
    assert at.json("workers") == []
    with at.api.store.write() as session:
        for name, seen in (("here", now()), ("gone", now() - 3600)):
            session.add(Worker(name=name, host="box", pid=1, device="cpu", started_at=now() - 7200, seen_at=seen))
    told = at.run("workers").stdout.splitlines()
    assert [line.split()[:4] for line in told[1:]] == [["here", "box", "cpu", "idle"], ["gone", "box", "cpu", "silent"]]
    assert told[1].endswith("2 h ago")
    assert at.run("workers").stderr == ""


def test_batches_are_listed_and_steered(at: Terminal) -> None:
    batch = at.id("batch", at.picture("a.png").parent, "--sweep", "seed=1..4")
    jobs = [job["id"] for job in at.json("ls", "--batch", batch)]
    failed(at.api, jobs[0], "the picture is cursed")

    assert "a.png" not in at.run("ls", "--batches").stdout
    assert [b["id"] for b in at.json("ls", "--batches")] == [batch]
    at.run("pause", jobs[1])
    told = at.run("cancel", batch).stderr.splitlines()
    assert "changed 3 jobs" in told[0]
    assert at.json(*told[1].removeprefix("undo: dreamfarm ").split())["batch"]["states"]["paused"] == 1
    at.run("cancel", batch)
    assert "changed 1 job of" in at.run("retry", batch, "--failed").stderr
    assert at.json("priority", batch, 3)["changed"] == 1
    assert len(at.json("ls", "-n", 2)) == 2
    assert "and more" in at.run("ls", "-n", 2).stderr


def test_jobs_and_batches_are_deleted_and_restored(at: Terminal) -> None:
    batch, alone = at.id("batch", at.picture("a.png").parent, "--sweep", "seed=1..2"), at.id("dream", *SMALL)
    jobs = [job["id"] for job in at.json("ls", "--batch", batch)]

    assert "cancel the batch first" in at.run("delete", batch, code=1).stderr
    at.run("cancel", batch)
    refused = at.run("delete", batch[:8], alone, code=1).stderr
    assert f"deleted: batch {batch}  " in refused, "what was done is told, also when another is refused"
    assert "only finished jobs can be deleted: cancel it first" in refused
    at.run("cancel", alone)
    assert "there is no job" in at.run("delete", alone, "j00000000000", code=2).stderr
    assert at.json("show", alone)["deleted_at"] is None, "a mistyped ID is told before anything is done"

    told = at.run("delete", alone[:8], batch).stderr
    assert f"deleted: job {alone}" in told
    assert f"nothing to change: batch {batch}" in told
    assert told.endswith(f"undo: dreamfarm restore {alone}\n"), "what was deleted before stays deleted"
    assert (at.json("ls"), at.json("ls", "--batches")) == ([], [])
    assert [job["id"] for job in at.json("ls", "--deleted")] == [alone, *jobs]
    assert "restorable until" in at.run("ls", "--deleted").stdout
    assert batch in at.run("ls", "--batches", "--deleted").stdout
    assert f"`dreamfarm restore {batch}` brings it back" in at.run("show", batch).stdout
    assert [job["id"] for job in at.json("ls", "--batch", batch)] == jobs, "a deleted batch shows its jobs, too"
    assert "restorable until" in at.run("ls", "--batch", batch).stdout
    assert "2 cancelled" in at.run("watch", batch, code=1).stderr
    assert "restore it first" in at.run("retry", alone, code=1).stderr

    assert [answer["changed"] for answer in at.json("restore", alone, batch)] == [1, 2]
    assert {job["id"] for job in at.json("ls")} == {alone, *jobs}
    assert [answer["job"]["id"] for answer in at.json("delete", jobs[0], "--yes")] == [jobs[0]]
    assert at.json("show", batch)["jobs"] == 1
    undo = at.run("delete", batch).stderr.splitlines()[-1].removeprefix("undo: dreamfarm ").split()
    assert undo[:2] == ["restore", batch]
    assert "restored: batch" in at.run(*undo).stderr
    assert [job["id"] for job in at.json("ls", "--batch", batch)] == jobs[1:], "what was deleted before stays deleted"
    assert "'yesterday' is no time" in at.run("restore", batch, "--since", "yesterday", code=2).stderr


def test_deleting_at_a_terminal_asks_first(at: Terminal) -> None:
    job = at.id("dream", *SMALL, "--name", "precious")
    at.run("cancel", job)

    def typed(line: bytes) -> tuple[int, str]:
        person, terminal = pty.openpty()
        os.write(person, line)
        command = [sys.executable, "-m", "deploy.main", "delete", job]
        ended = subprocess.run(
            command, stdin=terminal, capture_output=True, text=True, env=os.environ | at.environment, check=False
        )
        os.close(person)
        os.close(terminal)
        return ended.returncode, ended.stderr

    code, said = typed(b"n\n")
    assert (code, at.json("show", job)["deleted_at"]) == (1, None)
    assert f"job {job}  precious" in said
    assert "nothing was deleted" in said
    assert typed(b"y\n")[0] == 0
    assert at.json("show", job)["deleted_at"] is not None


def test_watching_shows_and_fetches_what_finishes(at: Terminal) -> None:
    castle = at.picture("castle.jpg")
    outputs = []

    def work() -> None:
        wait_until(lambda: at.number(Job))
        with at.api.store.read() as session:
            job = session.scalars(select(Job.id)).one()
        outputs.append(finished(at.api, job))

    working = in_background(work)
    result = at.run("dream", castle, *SMALL, "--out", at.folder / "out")
    working.join()

    job = result.stdout.strip()
    assert (at.folder / "out" / f"castle-{job}.png").read_bytes() == outputs[0]
    assert "✓ succeeded  castle.jpg" in result.stderr
    assert f"castle-{job}.png" in result.stderr


def test_a_watch_of_failures_ends_with_1(at: Terminal) -> None:
    batch = at.id("batch", at.picture("a.png").parent, "--sweep", "seed=1..3")
    jobs = [job["id"] for job in reversed(at.json("ls", "--batch", batch))]
    finished(at.api, jobs[0])
    failed(at.api, jobs[1], "the picture is cursed")
    at.run("cancel", jobs[2])

    result = at.run("watch", batch, code=1)

    assert "✗ failed  a seed=2  the picture is cursed" in result.stderr
    assert "1 succeeded, 1 failed, 1 cancelled" in result.stderr
    assert "nothing to watch" in at.run("watch").stderr


def test_a_file_in_the_way_stops_only_its_own_job(at: Terminal) -> None:
    batch = at.id("batch", at.picture("a.png").parent, "--sweep", "seed=1..2")
    jobs = [job["id"] for job in reversed(at.json("ls", "--batch", batch))]
    outputs = [finished(at.api, job, seed=i) for i, job in enumerate(jobs)]
    (at.folder / "out").mkdir()
    (at.folder / "out" / f"a-seed-1-{jobs[0]}.png").write_bytes(b"mine")

    result = at.run("watch", batch, "--out", at.folder / "out", code=1)

    assert "is another file" in result.stderr
    assert (at.folder / "out" / f"a-seed-1-{jobs[0]}.png").read_bytes() == b"mine"
    assert (at.folder / "out" / f"a-seed-2-{jobs[1]}.png").read_bytes() == outputs[1]


def test_a_batch_is_fetched_with_its_contact_sheet(at: Terminal) -> None:
    batch = at.id("batch", at.picture("a.png").parent, "--sweep", "seed=1..3")
    assert "no job of batch" in at.run("fetch", batch, "--out", at.folder, code=1).stderr
    jobs = [job["id"] for job in reversed(at.json("ls", "--batch", batch))]
    outputs = {finished(at.api, job, seed=i) for i, job in enumerate(jobs[:2])}

    result = at.run("fetch", batch[:7], "--out", at.folder / "out")

    files = [Path(line) for line in result.stdout.splitlines()]
    assert {file.read_bytes() for file in files if file.suffix == ".png"} == outputs
    assert files[-1].name == f"contact-sheet-{batch}.jpg"
    assert "2 of 3 jobs have finished" in result.stderr
    again = at.json("fetch", batch, "--out", at.folder / "out")
    assert not any(file["new"] for file in again if file["what"] == "output")
    files[0].write_bytes(b"mine")
    assert "is another file" in at.run("fetch", batch, "--out", at.folder / "out", code=1).stderr
    at.run("fetch", batch, "--out", at.folder / "out", "--overwrite")
    assert files[0].read_bytes() in outputs


def test_frames_are_fetched_when_wanted(at: Terminal) -> None:
    job = at.id("dream", *SMALL)
    framed(at.api, taken(at.api, job), 1)

    # A folder as Rich would not leave it: its path is for programs.
    result = at.run("fetch", job, "--out", at.folder / "[red] :owl:", "--frames")

    assert Path(result.stdout.strip()).read_bytes() == picture(96, 96, seed=1, format="JPEG")


def output_of(at: Terminal, **fields: Any) -> Path:
    """An output's file with its manifest, of an input that the farm does not have."""
    castle = at.picture("castle.png", seed=5)
    asset = at.api.client("somebody").post("/v1/assets", content=castle.read_bytes()).json()["id"]
    spec = SPEC.validate_python({"kind": "dream", "input": asset, "iterations": 2, "size": {"long_edge": 96}} | fields)
    planned = plan(spec, card=card("motifnet"), width=120, height=96)
    rgb = np.zeros((planned.height, planned.width, 3), np.float32)
    path = at.folder / "output.png"
    path.write_bytes(output_file(rgb, manifest_of(spec, planned, rgb, model_digest="0" * 64), None))
    return path


def test_an_output_is_run_again_changed(at: Terminal) -> None:
    output = output_of(at, seed=3, step=2.0)

    # The farm has the input, but of somebody else: for this person there is none.
    refused = at.run("rerun", output, code=2).stderr
    job = at.id("rerun", output, "--input", at.folder / "castle.png", "--set", "seed=4", "--set", "octaves=2")
    again = at.id("rerun", job, "--set", "layer=mixed3a")

    assert "the farm does not have the input any more" in refused
    assert "--input" in refused
    spec, changed = at.json("show", job)["spec"], at.json("show", again)["spec"]
    assert (spec["seed"], spec["step"], spec["octaves"]["count"]) == (4, 2.0, 2)
    assert changed["objective"][0]["layer"] == "mixed3a"
    assert {**changed, "objective": None} == {**spec, "objective": None}
    beside = output.with_suffix(".json")
    beside.write_text(manifest_in(output.read_bytes()).model_dump_json())
    assert at.json("show", at.id("rerun", beside))["spec"]["seed"] == 3
    beside.write_text("{}")
    assert "manifest cannot be read" in at.run("rerun", beside, code=2).stderr
    assert "carries no dreamfarm manifest" in at.run("rerun", at.folder / "castle.png", code=2).stderr
    assert "did you mean 'seed'" in at.run("rerun", output, "--set", "sed=4", code=2).stderr


def test_a_wrong_key_is_told(at: Terminal) -> None:
    assert "the API key is unknown" in at.run("ls", "--key", "df_wrong", code=1).stderr


def test_networks_and_plans_come_from_the_farm(at: Terminal) -> None:
    assert "motifnet" in [model["name"] for model in at.json("models")]
    assert at.json("models", "show", "motifnet")["layers"] > 50
    assert "eye" in at.json("layers", "motifnet", "--channels", "logits")
    plan = at.json("plan", "style", at.picture("a.png"), "--size", "2000", "--octaves", "2")
    assert [(o["width"], o["height"]) for o in plan["octaves"]][-1] == (2000, 1600)
    assert (at.number(Job), at.number(Asset)) == (0, 0)
