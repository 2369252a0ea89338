"""`make demo`: a farm of its own renders a small batch of the bundled pictures into a folder, and is stopped again."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from api.cli import words
from api.cli.command import Failed, err, out, run
from api.cli.watching import follow
from api.client import Farm
from api.remote.fetching import fetch_contact_sheet
from deploy import farmfile
from shared.samples import sample

#: Pixels along the longer side: large enough to be looked at, small enough for a minute or two on two cores.
_SIZE = 640
_NAME = "Demo"
#: Names what a demo leaves, and the next one clears away.
_LIST = ".demo.json"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One job of the demo. `job` names bundled pictures where a specification names assets."""

    name: str
    job: Mapping[str, Any]

    def specification(self, assets: Mapping[str, str]) -> dict[str, Any]:
        """The job as the API takes it; `assets` maps bundled pictures to their IDs."""
        job = {"size": {"long_edge": _SIZE}, **self.job, "name": self.name}
        for field in ("input", "content"):
            if field in job:
                job[field] = assets[job[field]]
        if "styles" in job:
            job["styles"] = [{"asset": assets[style]} for style in job["styles"]]
        return job

    @property
    def pictures(self) -> list[str]:
        """The bundled pictures that the job needs."""
        named = [self.job.get("input"), self.job.get("content"), *self.job.get("styles", ())]
        return [name for name in named if name is not None]


BATCH: Sequence[Picture] = (
    Picture(name="roses at dusk", job={"kind": "dream", "input": "dusk", "preset": "orchard", "animation": "mp4"}),
    Picture(name="fruit in the grove", job={"kind": "dream", "input": "fruit", "preset": "grove"}),
    Picture(name="meadow under the sky", job={"kind": "dream", "input": "lake", "preset": "meadow"}),
    Picture(
        name="fine weave",
        job={"kind": "dream", "input": "dusk", "preset": "deepdream", "objective": [{"layer": "mixed3b"}]},
    ),
    Picture(
        name="eyes out of nothing",
        job={
            "kind": "dream",
            "preset": "lapnorm",
            "size": {"long_edge": 320},
            "objective": [{"layer": "logits", "channel": "eye", "statistic": "mean"}],
        },
    ),
    Picture(
        name="swirling lake",
        job={"kind": "style", "content": "lake", "styles": ["swirls"], "preset": "gatys", "iterations": 50},
    ),
)


def main() -> None:
    """Run the demo; its exit code is 0 when every picture was made."""
    parser = argparse.ArgumentParser(
        prog="make demo ARGS=…", description="Render the demo's pictures on a farm of its own."
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("demo-output"), help="where the pictures go")
    folder = parser.parse_args().folder.absolute()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        code = run(lambda: demo(folder))
    except _Interrupted:
        err.print("The demo was interrupted; its farm has stopped, and is gone.")
        code = 130
    sys.exit(code)


def demo(folder: Path) -> None:
    """Render the batch into the folder.

    Raises:
        Failed: the farm did not start.
        typer.Exit: a job failed; which and why was said.
    """
    started = time.monotonic()
    _clear(folder)
    before = {path.name for path in folder.iterdir()}
    with running_farm() as farm:
        farm_said = time.monotonic()
        batch = _submit(farm)
        try:
            follow(farm, (batch,), folder=folder)
            sheet = fetch_contact_sheet(farm, batch, folder).path.replace(folder / "contact-sheet.jpg")
        finally:
            _remember(folder, before)
        rendered = time.monotonic() - farm_said
    out.print(f"\nThe pictures are in {folder}, with a manifest (.json) beside each one", soft_wrap=True)
    out.print(f"All of them on one page: {sheet}", soft_wrap=True)
    out.print(
        f"{len(BATCH)} pictures in {words.duration(rendered)}, {words.duration(time.monotonic() - started)} "
        "with the farm's start and end. Next: `make up`, and open the gallery.",
        soft_wrap=True,
    )


@contextmanager
def running_farm() -> Iterator[Farm]:
    """A farm on free ports in a temporary folder, which is removed with all that is in it.

    Raises:
        Failed: it did not start; what it said was shown.
    """
    data = Path(tempfile.mkdtemp(prefix="dreamfarm-demo-"))
    command = [sys.executable, "-P", "-m", "deploy.main", "up", "--data", str(data), "--port", "0"]
    # Settings of another farm must not reach this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DREAMFARM_")}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "deploy.leash", str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        # Ctrl-C is for the demo, which then stops the farm in order.
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        with process.stdout:
            _wait_for(process.stdout)
            with Farm(*_address(data)) as farm:
                yield farm
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(data, ignore_errors=True)


def _wait_for(said: Iterable[str]) -> None:
    """Show what the farm says while it starts."""
    for line in said:
        err.print(line.rstrip(), markup=False, soft_wrap=True)
        if line.strip().startswith("flower"):
            return
    raise Failed("the farm did not start; `.venv/bin/dreamfarm doctor` may know why")


def _address(data: Path) -> tuple[str, str]:
    farm = farmfile.read(data)
    assert farm is not None
    return farm.api, (data / "key").read_text().strip()


def _submit(farm: Farm) -> str:
    """Upload the pictures and submit the batch; its ID."""
    names = sorted({name for picture in BATCH for name in picture.pictures})
    assets = {name: farm.upload(sample(name)).id for name in names}
    return farm.submit_batch([picture.specification(assets) for picture in BATCH], name=_NAME).id


def _clear(folder: Path) -> None:
    """Remove what the last demo left in the folder, which may hold other things as well."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        left = json.loads((folder / _LIST).read_text())
    except (FileNotFoundError, ValueError):
        return
    for name in left:
        # Names only: whatever the list says, nothing outside of the folder is touched.
        (folder / Path(name).name).unlink(missing_ok=True)


def _remember(folder: Path, before: set[str]) -> None:
    """Writes down which files are the demo's."""
    made = sorted({path.name for path in folder.iterdir()} - before)
    (folder / _LIST).write_text(json.dumps(made, indent=1) + "\n")


class _Interrupted(BaseException):
    """Ctrl-C or SIGTERM. Not a KeyboardInterrupt: watching would say that the jobs go on, and here they do not."""


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # Stopping takes a few seconds; a second Ctrl-C would leave things lying about.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise _Interrupted


if __name__ == "__main__":
    main()
