"""A farm as compose starts it, each part with the packages of its image and no others: those of the tests are hidden."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from api.client import Farm
from deploy.ports import free_port
from shared.samples import sample
from tests.conftest import RedisServer, ending, wait_until

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
#: Those of this project's images that run here; the other workers' differ in their GPU.
LASTING = ("api", "sweeper", "flower", "worker-cpu")
#: Read by Python when it starts: what is not in an image cannot be imported.
HIDING = """
import importlib.abc, pathlib, sys

class Hidden(importlib.abc.MetaPathFinder):
    names = frozenset(pathlib.Path(__file__).with_name("hidden.txt").read_text().split())

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""


def extras_of(service: Mapping[str, Any]) -> list[str]:
    """The extras that a service's image is built with."""
    text = (ROOT / service["build"]["dockerfile"]).read_text()
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE)) | service["build"].get("args", {})
    [wanted] = re.findall(r'^RUN pip install .*"\.\[(.+)\]"$', text, re.MULTILINE)
    return re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], wanted).split(",")


def installed_with(extras: Iterable[str]) -> set[str]:
    """The distributions that pip installs for the project with these extras."""
    wanted = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    waiting = [requirement for requirement in map(Requirement, wanted) if holds(requirement, ())]
    found: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in found:
            continue
        found.add(key)
        try:
            lines = requires(requirement.name) or []
        except PackageNotFoundError:
            continue  # for other systems
        waiting += [needed for needed in map(Requirement, lines) if holds(needed, requirement.extras)]
    return {name for name, _ in found}


def holds(requirement: Requirement, extras: Iterable[str]) -> bool:
    """Whether it counts on this machine, with these extras of what has it."""
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


class Image:
    """A service's image: a Python that sees its packages only."""

    def __init__(self, folder: Path, service: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        folder.mkdir()
        held = {*installed_with(extras_of(service)), "dreamfarm"}
        hidden = [
            module
            for module, distributions in packages_distributions().items()
            if not held & set(map(canonicalize_name, distributions))
        ]
        (folder / "hidden.txt").write_text("\n".join(hidden))
        (folder / "sitecustomize.py").write_text(HIDING)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DREAMFARM_")}
        self.environment = {**kept, **environment, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
        text = (ROOT / service["build"]["dockerfile"]).read_text()
        [entry] = re.findall(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)
        self.command = [sys.executable, "-m", "deploy.main", *json.loads(entry)[1:], *service["command"]]
        self.check = [sys.executable, *service["healthcheck"].get("test", ["CMD", "python"])[2:]]

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in it to its end."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def environment(tmp_path: Path, postgres_url: str, redis_server: RedisServer) -> dict[str, str]:
    """What compose tells all services."""
    port = free_port("127.0.0.1")
    told = {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_server.url,
        "BLOBS_URL": (tmp_path / "blobs").as_uri(),
        "DATA": str(tmp_path / "data"),
        "PORT": str(port),
        "FLOWER_PORT": str(free_port("127.0.0.1", but=port)),
        "FLOWER_PASSWORD": "secret",
    }
    return {f"DREAMFARM_{name}": value for name, value in told.items()}


def test_what_an_image_holds_is_enough(tmp_path: Path, environment: dict[str, str]) -> None:
    images = {name: Image(tmp_path / name, SERVICES[name], environment) for name in ("migrate", *LASTING)}
    migrated = images["migrate"].run(images["migrate"].command)
    assert migrated.returncode == 0, migrated.stderr
    with ExitStack() as running:
        for name in LASTING:
            log = running.enter_context((tmp_path / f"{name}.log").open("wb"))
            image = images[name]
            process = subprocess.Popen(image.command, env=image.environment, stdout=log, stderr=log)
            running.enter_context(ending(process))
        for name in LASTING:
            wait_until(lambda name=name: well(images[name], tmp_path / f"{name}.log"), seconds=90, what=name)
        made = images["api"].run([sys.executable, "-m", "deploy.main", "keys", "make", "me", "--role", "admin"])
        address = f"http://127.0.0.1:{environment['DREAMFARM_PORT']}"
        with Farm(address, made.stdout.split()[-1]) as farm:
            picture = farm.upload(sample("dusk"))
            size = {"long_edge": 48}
            jobs = [
                {"kind": "dream", "input": picture.id, "iterations": 1, "size": size, "animation": "mp4"},
                {
                    "kind": "style",
                    "content": picture.id,
                    "styles": [{"asset": picture.id}],
                    "iterations": 1,
                    "size": size,
                },
            ]
            batch = farm.submit_batch(jobs)
            states = wait_until(lambda: finished(farm, batch.id), seconds=90, what="the jobs' end")
        assert states == ["succeeded", "succeeded"], (tmp_path / "worker-cpu.log").read_text()


def well(image: Image, log: Path) -> bool:
    """Whether a service's own health check says so. It fails when the service cannot import what it needs."""
    assert "No module named" not in log.read_text(), log.read_text()
    return image.run(image.check).returncode == 0


def finished(farm: Farm, batch: str) -> list[str]:
    """The states of a batch's jobs, when all are final."""
    states = [job.state for job in farm.jobs(batch=batch)]
    return states if all(state in ("succeeded", "failed", "cancelled") for state in states) else []


def test_a_worker_with_a_gpu_has_what_one_without_has() -> None:
    names = {
        extra: {canonicalize_name(Requirement(line).name) for line in EXTRAS[extra]} for extra in ("gpu", "worker")
    }
    assert names["gpu"] - {"tensorflow"} == names["worker"] - {"tensorflow", "tensorflow-cpu"}
