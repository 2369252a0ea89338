"""The containers' files against the program that they run: commands, settings, extras and pictures of other images."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from deploy.down import ORDERLY_SECONDS
from deploy.health import CHECKS
from deploy.main import build
from deploy.services import WORKER_GRACE
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "deploy" / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
CONTAINERFILES = sorted((ROOT / "deploy" / "containers").glob("Containerfile.*"))
SETTINGS = {f"DREAMFARM_{name.upper()}" for name in Settings.model_fields}
EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])


def parses(arguments: list[str]) -> None:
    """Fails unless the command line takes the arguments."""
    command: Any = typer.main.get_command(build())
    context = command.make_context("dreamfarm", list(arguments), resilient_parsing=False)
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


def instructions(path: Path) -> list[tuple[str, str]]:
    """A Containerfile's instructions and their arguments."""
    lines = path.read_text().replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.split(None, 1)[1]) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("name", OURS)
def test_services_run_commands_that_exist(name: str) -> None:
    service = OURS[name]
    container = ROOT / service["build"]["dockerfile"]
    entry = json.loads(dict(instructions(container))["ENTRYPOINT"])
    assert entry[0] == "dreamfarm"
    parses([*entry[1:], *service["command"]])


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)
def test_containers_run_commands_that_exist(path: Path) -> None:
    found = dict(instructions(path))
    parses([*json.loads(found["ENTRYPOINT"])[1:], *json.loads(found["CMD"])])
    assert found["HEALTHCHECK"].split("CMD")[1].split('"')[-2] in CHECKS


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert re.match(r"\d+\.\d+", tag), SERVICES[name]["image"]


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)
def test_containers_are_built_from_pinned_images_and_files_that_exist(path: Path) -> None:
    for instruction, argument in instructions(path):
        if instruction == "FROM":
            assert re.fullmatch(r"[\w/]+:\d+\.\d+\.\d+[\w.-]*", argument)
        if instruction == "COPY":
            assert all((ROOT / source).exists() for source in argument.split()[:-1])
        if instruction == "RUN" and "pip install" in argument:
            wanted = re.search(r"\.\[([^]]+)\]", argument)
            assert wanted is not None
            assert {extra for extra in wanted[1].split(",") if not extra.startswith("$")} <= EXTRAS
        if instruction == "ARG":
            assert argument.removeprefix("EXTRA=") in EXTRAS
    assert ("USER", "dreamfarm") in instructions(path)


@pytest.mark.parametrize("name", SERVICES)
def test_every_lasting_service_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    if SERVICES[name]["restart"] == "no":
        assert check == {"disable": True}
    elif name in OURS:
        assert check["test"][:4] == ["CMD", "python", "-m", "deploy.health"]
        assert check["test"][4] in CHECKS
    else:
        assert check["test"]


def test_every_setting_exists() -> None:
    containers = "\n".join(path.read_text() for path in CONTAINERFILES)
    named = set(re.findall(r"DREAMFARM_[A-Z0-9_]+", COMPOSE_FILE.read_text() + containers))
    assert named <= SETTINGS


def test_every_variable_has_its_line_in_the_example() -> None:
    text = COMPOSE_FILE.read_text()
    passed_on = {name for name, value in COMPOSE["x-farm"].items() if value is None}
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", text)) | passed_on
    example = (ROOT / "deploy" / "farm.env.example").read_text()
    offered = set(re.findall(r"^#?([A-Z0-9_]+)=", example, re.MULTILINE))
    assert used <= offered
    required = set(re.findall(r"(?<!\$)\$\{(\w+):\?", text))
    assert required == {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "DREAMFARM_FLOWER_PASSWORD"}
    assert all(re.search(rf"^{name}=$", example, re.MULTILINE) for name in required)


def test_credentials_are_passed_on_only_where_they_are_set() -> None:
    """Given a bucket that opens to the machine's role, no empty key is signed with."""
    for service in OURS.values():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            assert service["environment"][name] is None


def test_only_this_host_is_published_to() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_names_that_services_refer_to_exist() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in COMPOSE["volumes"]
        if "build" in service:
            assert (COMPOSE_FILE.parent / service["build"]["context"]).resolve() == ROOT
            assert (ROOT / service["build"]["dockerfile"]) in CONTAINERFILES
    profiles = set(re.findall(r"Which workers: (.+)", (ROOT / "deploy" / "farm.env.example").read_text())[0].split())
    named = {profile for service in SERVICES.values() for profile in service.get("profiles", [])}
    assert named <= {part for words in profiles for part in words.strip(",").split(",")}


def test_the_service_unit_runs_a_command_that_exists() -> None:
    unit = (ROOT / "deploy" / "systemd" / "dreamfarm.service").read_text()
    [start] = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    program, *arguments = start.split()
    assert program.endswith("/dreamfarm")
    parses(arguments)


def test_nothing_is_killed_before_it_gives_up_by_itself() -> None:
    for name, service in OURS.items():
        if name.startswith("worker"):
            assert float(service["stop_grace_period"].removesuffix("s")) >= WORKER_GRACE
    unit = (ROOT / "deploy" / "systemd" / "dreamfarm.service").read_text()
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert float(seconds) > ORDERLY_SECONDS > WORKER_GRACE
