"""The commands that a fresh machine begins with: make's targets and the making of the environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that make looks at, with an environment that counts as set up."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "deploy/make-venv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".set-up").touch()
    return tmp_path


def make(folder: Path, *arguments: str) -> str:
    """What make would do."""
    # Inside `make test`, make's own variables would change what is said.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--dry-run", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("target", ["demo", "test", "up", "bench", "lint"])
def test_nothing_is_set_up_twice(copy: Path, target: str) -> None:
    assert "make-venv" not in make(copy, target)
    assert ".venv/bin/" in make(copy, target)


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt"])
def test_changed_dependencies_are_installed(copy: Path, file: str) -> None:
    later = (copy / ".venv" / ".set-up").stat().st_mtime + 10
    os.utime(copy / file, (later, later))
    assert "deploy/make-venv .venv worker,redis,flower,postgres,s3,dev" in make(copy, "test").replace('"', "")


GPU = "gpu,redis,flower,postgres,s3,dev"


@pytest.fixture
def set_up(copy: Path) -> Callable[..., str]:
    """Runs `make setup` with a stand-in for make-venv; says what it was called with, if at all."""
    (copy / "deploy" / "make-venv").write_text(
        '#!/bin/sh\nmkdir -p "$1" && echo "$2" > "$1/extras" && echo made "$2"\n'
    )

    def run(*arguments: str, folder: Path = copy) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        command = ["make", "--no-print-directory", "setup", *arguments]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        ).stdout.removeprefix("make: Nothing to be done for 'setup'.\n")

    return run


def test_other_extras_are_set_up_anew_and_stay_chosen(copy: Path, set_up: Callable[..., str]) -> None:
    os.utime(copy / ".venv" / ".set-up", (0, 0))
    default = set_up().strip()
    assert default.startswith("made worker,redis,")
    leftover = copy / ".venv" / "tensorflow-cpu"
    leftover.touch()
    assert set_up() == set_up(f"EXTRAS={default.removeprefix('made ')}") == ""
    assert set_up(f"EXTRAS={GPU}") == f"made {GPU}\n"
    # The one for processors and the one for GPUs would overwrite each other's files.
    assert not leftover.exists()
    assert set_up(f"EXTRAS={GPU}") == set_up() == ""
    os.utime(copy / "pyproject.toml")
    assert set_up() == f"made {GPU}\n"
    assert set_up("EXTRAS=worker") == "made worker\n"


def test_a_checkout_that_was_moved_is_set_up_anew(
    copy: Path, set_up: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    os.utime(copy / ".venv" / ".set-up", (0, 0))
    assert "made" in set_up()
    moved = tmp_path_factory.mktemp("with 'quotes' and") / "it's here"
    copy.rename(moved)
    # Reached by another way, it is where it was.
    copy.symlink_to(moved)
    assert "made" in set_up(folder=moved)
    assert set_up(folder=moved) == set_up(folder=copy) == ""


def test_help_names_every_target() -> None:
    [phony] = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    told = set(re.findall(r"@echo 'make (\w+)", MAKEFILE))
    assert told == set(phony.split()) - {"help", "setup"}


def test_nothing_that_an_old_make_lacks() -> None:
    """macOS has GNU make 3.81: no `!=`, no .ONESHELL, no $(file …)."""
    assert not re.search(r"!=|\.ONESHELL|\$\(file ", MAKEFILE)


def make_venv(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Make an environment."""
    command = [str(ROOT / "deploy" / "make-venv"), str(folder / "venv"), "worker"]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_machine_without_a_python_that_will_do(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "env"):
        (tools / name).symlink_to(shutil.which(name) or name)
    # As a shim for a version that is not installed.
    (tools / "python3.12").write_text("#!/bin/sh\necho 'python3.12: command not found' >&2\nexit 127\n")
    (tools / "python3.12").chmod(0o755)
    told = make_venv(tmp_path, PATH=str(tools), PYTHON="")
    assert told.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 is needed" in told.stderr
    assert not (tmp_path / "venv").exists()


def test_a_mac_that_tensorflow_has_no_wheel_for(tmp_path: Path) -> None:
    """Said at once, and not after pip's resolver has despaired."""
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    pretend = "import platform, sys; sys.platform = 'darwin'; platform.machine = lambda: 'x86_64'; exec(sys.argv[1])"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{pretend}" "$2"\n')
    python.chmod(0o755)
    told = make_venv(tmp_path)
    assert told.returncode == 1
    assert "Macs with Intel processors" in told.stderr
    assert "PYTHON=/opt/homebrew" in told.stderr


def test_a_python_that_was_chosen_but_will_not_do(tmp_path: Path) -> None:
    told = make_venv(tmp_path, PYTHON="/bin/false")
    assert told.returncode == 1
    assert "PYTHON=/bin/false is not Python 3.11, 3.12 or 3.13" in told.stderr
