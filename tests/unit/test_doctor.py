"""The doctor: what it finds in a healthy place and in broken ones, and what it advises."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from deploy import doctor, doctor_services
from deploy.doctor import Check, examine
from shared.settings import Settings
from shared.store import Store
from shared.store.schema import newest, upgrade
from tests.conftest import RedisServer


def test_a_healthy_machine_passes(settings: Settings) -> None:
    checks = {check.name: check for check in examine(settings.model_copy(update={"port": 0}))}
    assert list(checks) == [
        "python", "tensorflow", "flower", "memory", "data", "disk", "redis", "sql", "storage", "port",
    ]  # fmt: skip
    assert not [check for check in checks.values() if check.result == "fails"]
    assert checks["tensorflow"].found.startswith("2.")
    assert not settings.data.exists()


def test_it_uses_what_a_farm_left(settings: Settings) -> None:
    settings.data.mkdir(mode=0o700)
    store = Store(settings.database)
    upgrade(store)
    store.dispose()
    assert doctor_services.check_sql(settings).result == "passes"
    assert newest() in doctor_services.check_sql(settings).found
    assert doctor_services.check_storage(settings).result == "passes"
    assert not [path for path in (settings.data / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("revision", "result", "remedy"),
    [("0001", "fails", "`dreamfarm db upgrade`"), ("9999", "warns", "update dreamfarm on this machine")],
)
def test_a_schema_of_another_version(settings: Settings, revision: str, result: str, remedy: str) -> None:
    settings.data.mkdir()
    store = Store(settings.database)
    upgrade(store)
    with store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    store.dispose()
    check = doctor_services.check_sql(settings)
    assert (check.result, check.remedy) == (result, remedy)


@pytest.mark.parametrize("url", ["postgresql://ada:secret@127.0.0.1:1/farm", "sqlite:////nowhere/farm.db"])
def test_a_database_that_cannot_be_reached(settings: Settings, url: str) -> None:
    check = doctor_services.check_sql(settings.model_copy(update={"database_url": url}))
    assert check.result == "fails"
    assert "DREAMFARM_DATABASE_URL" in check.remedy
    assert "secret" not in check.found


def test_postgresql(settings: Settings, postgres_url: str) -> None:
    ours = settings.model_copy(update={"database_url": postgres_url})
    assert "db upgrade" in doctor_services.check_sql(ours).remedy
    store = Store(postgres_url)
    upgrade(store)
    store.dispose()
    assert doctor_services.check_sql(ours).result == "passes"


def test_a_redis_of_ones_own(settings: Settings, redis_server: RedisServer) -> None:
    ours = settings.model_copy(update={"redis_url": redis_server.url})
    check = doctor_services.check_queue(ours)
    assert check.result == "passes"
    assert redis_server.password not in check.found
    redis_server.kill()
    check = doctor_services.check_queue(ours)
    assert check.result == "fails"
    assert "DREAMFARM_REDIS_URL" in check.remedy
    assert redis_server.password not in check.found


def test_a_password_that_is_wrong(settings: Settings, redis_server: RedisServer) -> None:
    wrong = redis_server.url.replace(redis_server.password, "wrong")
    assert doctor_services.check_queue(settings.model_copy(update={"redis_url": wrong})).result == "fails"


def test_the_embedded_redis_leaves_nothing_behind(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert doctor_services.check_queue(settings).result == "passes"
    assert list(tmp_path.iterdir()) == []


def test_storage_that_nobody_can_write_to(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for url in (f"file://{tmp_path}/file", "ftp://nowhere"):
        check = doctor_services.check_storage(settings.model_copy(update={"blobs_url": url}))
        assert check.result == "fails"
        assert "DREAMFARM_BLOBS_URL" in check.remedy


def test_a_taken_port(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        check = doctor.check_port(settings.model_copy(update={"port": port}))
    assert check.result == "fails"
    assert f"{port} is taken" in check.found
    if sys.platform == "linux":  # other systems tell root only
        assert f"(process {os.getpid()})" in check.found
    assert "--port" in check.remedy


def test_a_data_folder_that_others_can_look_into(settings: Settings) -> None:
    settings.data.mkdir(mode=0o755)
    settings.data.chmod(0o755)
    check = doctor.check_data(settings)
    assert (check.result, check.remedy) == ("warns", f"chmod 700 {settings.data}")


def test_a_data_folder_that_is_a_file(settings: Settings) -> None:
    settings.data.touch(mode=0o644)
    check = doctor.check_data(settings)
    assert (check.result, check.found) == ("fails", f"{settings.data} is a file, not a folder")
    assert "--data" in check.remedy
    assert doctor.check_disk(settings).found.endswith(f" at {settings.data.parent}")


def test_a_check_that_breaks_does_not_stop_the_others(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_settings: Settings) -> Check:
        raise RuntimeError("the disk is on fire\nand more")

    monkeypatch.setattr(doctor, "check_disk", broken)
    monkeypatch.setattr(doctor, "check_tensorflow", doctor.check_python)
    checks = {check.name: check for check in examine(settings.model_copy(update={"port": 0}))}
    assert checks["disk"].result == "fails"
    assert checks["disk"].found == "RuntimeError: the disk is on fire"
    assert checks["storage"].result == "passes"


def test_tensorflow_that_cannot_be_imported(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'tensorflow'\" >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    check = doctor.check_tensorflow(settings)
    assert check.result == "fails"
    assert "No module named 'tensorflow'" in check.found
    assert "dreamfarm[worker]" in check.remedy


def command(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `dreamfarm doctor`."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.main", "doctor", "--data", str(tmp_path / "farm"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"DREAMFARM_PORT": "0"} | environment,
    )


@pytest.mark.parametrize(
    ("environment", "code"), [({}, 0), ({"DREAMFARM_REDIS_URL": "redis://127.0.0.1:1/0"}, 1)], ids=["well", "broken"]
)
def test_the_command(tmp_path: Path, environment: dict[str, str], code: int) -> None:
    told = command(tmp_path, "--json", **environment)
    assert told.returncode == code, told.stderr
    results = {check["name"]: check["result"] for check in json.loads(told.stdout)}
    assert results["redis"] == ("passes" if code == 0 else "fails")
    assert {result for name, result in results.items() if name != "redis"} <= {"passes", "warns"}


def test_what_people_read() -> None:
    told: Callable[..., str] = lambda **found: Check(name="disk", **found).told()  # noqa: E731
    assert told(result="passes", found="9 GiB") == "ok   disk         9 GiB"
    assert "→ make room" in told(result="fails", found="no room", remedy="make room")
