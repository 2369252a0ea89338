"""The small parts under `dreamfarm up`: log files, ports, marks of processes, the farm's file, the command line."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr, ValidationError
from typer.testing import CliRunner

from api.cli.command import Failed
from deploy import devices, farmfile, logfiles, ports
from deploy.farmfile import Farm, ProcessMark, ServiceMark
from deploy.main import build
from shared.settings import Settings
from worker.devices import BadDevice, choosing


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `dreamfarm`."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"TERM": "dumb", "COLUMNS": "100"} | environment,
    )


def farm(pid: int = 1) -> Farm:
    """A farm's description."""
    return Farm(
        version="1",
        state="running",
        supervisor=ProcessMark.own(),
        api="http://127.0.0.1:8560",
        flower="http://127.0.0.1:8561",
        flower_user="farm",
        flower_password="secret",
        services={"api": ServiceMark(process=ProcessMark(pid, "then"), ready=True, restarts=2)},
    )


def test_the_farms_file(tmp_path: Path) -> None:
    farmfile.write(tmp_path, farm())
    assert farmfile.read(tmp_path) == farm()
    assert stat.S_IMODE((tmp_path / "farm.json").stat().st_mode) == 0o600
    farmfile.remove(tmp_path)
    assert farmfile.read(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"version": "1"}', '{"services": 3}'])
def test_a_broken_farm_file_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "farm.json").write_text(content)
    assert farmfile.read(tmp_path) is None


def test_the_lock_has_one_holder(tmp_path: Path) -> None:
    assert not farmfile.is_locked(tmp_path)
    with farmfile.lock(tmp_path):
        assert farmfile.is_locked(tmp_path)
        with pytest.raises(farmfile.AlreadyRunning), farmfile.lock(tmp_path):
            pass
    assert not farmfile.is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_was_left_behind_is_free(tmp_path: Path) -> None:
    (tmp_path / "farm.lock").touch()
    assert not farmfile.is_locked(tmp_path)
    with farmfile.lock(tmp_path):
        pass


def test_a_process_is_told_from_a_later_one_of_the_same_number() -> None:
    own = ProcessMark.own()
    assert own == ProcessMark.of(os.getpid())
    found = own.find()
    assert found is not None
    assert found.pid == os.getpid()
    assert ProcessMark(os.getpid(), "at another time").find() is None
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        mark = ProcessMark.of(process.pid)
        process.wait()
        assert mark.find() is None
    with pytest.raises(psutil.NoSuchProcess):
        ProcessMark.of(process.pid)


def test_logs_are_rotated(tmp_path: Path) -> None:
    for start in range(8):
        logfiles.rotate(tmp_path)
        (tmp_path / "api.log").write_text(f"start {start}")
    logs = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert logs == {"api.log": "start 7"} | {f"api.{n}.log": f"start {7 - n}" for n in range(1, 6)}


def test_a_report_goes_to_people_and_to_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logfiles.Report(tmp_path / "farm.log") as report:
        report.say("redis is ready")
    assert re.fullmatch(r"\d\d:\d\d:\d\d redis is ready\n", capsys.readouterr().out)
    # A farm runs for months, and the log is read later.
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d redis is ready\n", (tmp_path / "farm.log").read_text())


def test_a_report_that_nobody_reads_any_more_goes_on_in_the_log(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from deploy.logfiles import Report
with Report(Path(sys.argv[1])) as report:
    report.say("up")
    sys.stdin.read()
    for message in ("down", "ended"):
        report.say(message)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "farm.log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().endswith("up\n")
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0
    assert [line.split()[-1] for line in (tmp_path / "farm.log").read_text().splitlines()] == ["up", "down", "ended"]


def test_a_log_that_grows_is_put_aside_under_its_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfiles, "LARGEST_BYTES", 10)
    log = tmp_path / "api.log"
    with log.open("ab", buffering=0) as writer:
        for line in range(9):
            writer.write(f"line {line}, long enough\n".encode())
            logfiles.keep_small(log)
            writer.write(b"short\n")
            logfiles.keep_small(log)
    assert log.read_text() == "short\n"
    assert (tmp_path / "api.1.log").read_text() == "short\nline 8, long enough\n"
    assert {path.name for path in tmp_path.iterdir()} == {"api.log", *(f"api.{n}.log" for n in range(1, 6))}
    logfiles.keep_small(tmp_path / "absent.log")


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_ports(host: str, family: socket.AddressFamily) -> None:
    try:
        socket.create_server((host, 0), family=family).close()
    except OSError as error:
        pytest.skip(f"this machine has no {host}: {error}")
    port = ports.free_port(host)
    assert ports.is_free(host, port)
    with socket.create_server((host, port), family=family):
        assert not ports.is_free(host, port)
        with pytest.raises(Failed, match=rf"port {port} for the API is taken.* Go away") as told:
            ports.require_free(host, port, what="the API", remedy="Go away")
    if sys.platform == "linux":  # other systems tell root only who it is
        assert f"process {os.getpid()}" in str(told.value)


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host"])
def test_an_address_that_is_not_ours(host: str) -> None:
    with pytest.raises(Failed, match="DREAMFARM_HOST"):
        ports.is_free(host, 0)
    # Whichever way an address of Flower's is tried, it is Flower's setting that is named.
    with pytest.raises(Failed, match="DREAMFARM_FLOWER_HOST"):
        ports.free_port(host, "DREAMFARM_FLOWER_HOST")
    with pytest.raises(Failed, match="DREAMFARM_FLOWER_HOST"):
        ports.require_free(host, 0, what="Flower", remedy="", setting="DREAMFARM_FLOWER_HOST")


def test_one_worker_for_the_processor() -> None:
    if devices.nvidia_gpus():
        pytest.skip("this machine has GPUs")
    said: list[str] = []
    assert devices.devices(0, said.append) == ["cpu"]
    assert devices.devices(3, said.append) == ["cpu"] * 3
    assert said == []


def pretend_gpus(folder: Path, monkeypatch: pytest.MonkeyPatch, *usable: int) -> None:
    """As on a machine with four GPUs of which TensorFlow, where it may see all of them, can use some."""
    rows = "".join(f"{n}, GPU-{n}abc, NVIDIA {name}\\n" for n, name in enumerate("ABCD"))
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\nprintf '{rows}'\n")
    # It answers what the variables are, too, and sees as many GPUs as CUDA would show it.
    names = ", ".join(f'"/physical_device:GPU:{n}"' for n in usable)
    (folder / "python").write_text(
        "#!/bin/sh\n"
        f'echo "$CUDA_DEVICE_ORDER $CUDA_VISIBLE_DEVICES" >> {folder}/asked\n'
        'case "$CUDA_VISIBLE_DEVICES" in\n'
        f"  '') names='{names}' ;;\n"
        "  -1) names= ;;\n"
        """  *,*) names='"/physical_device:GPU:0", "/physical_device:GPU:1"' ;;\n"""
        """  *) names='"/physical_device:GPU:0"' ;;\n"""
        "esac\n"
        'echo "[\\"2.21.0\\", [$names]]"\n'
    )
    for name in ("nvidia-smi", "python"):
        (folder / name).chmod(0o755)
    for variable in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setattr(sys, "executable", str(folder / "python"))


def test_one_worker_for_each_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(tmp_path, monkeypatch, 0, 1)
    said: list[str] = []
    assert devices.devices(0, said.append) == ["gpu:0", "gpu:1"]
    assert devices.devices(3, said.append) == ["gpu:0", "gpu:1", "gpu:0"]
    assert devices.devices(0, said.append, gpus_per_worker=2) == ["gpu:0,1"]
    (tmp_path / "python").write_text("#!/bin/sh\necho 'ImportError: no' >&2\nexit 1\n")
    assert devices.devices(0, said.append) == ["cpu"]
    assert "it can use 0 of 4 GPUs" in said[-1]


def test_gpus_that_tensorflow_passes_over_get_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(tmp_path, monkeypatch, 1, 3)
    assert devices.devices(0, lambda _: None) == ["gpu:1", "gpu:3"]


@pytest.mark.parametrize(
    ("visible", "names", "found"),
    [("3", ["NVIDIA D"], ["gpu:0"]), ("GPU-2,0", ["NVIDIA C", "NVIDIA A"], ["gpu:0", "gpu:1"]), ("-1", [], ["cpu"])],
)
def test_gpus_that_are_somebody_elses_stay_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str, names: list[str], found: list[str]
) -> None:
    pretend_gpus(tmp_path, monkeypatch, 0, 1, 2, 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    said: list[str] = []
    assert devices.nvidia_gpus() == names
    assert devices.devices(0, said.append) == found
    assert not any("can use" in line and " of " in line for line in said)


def test_a_part_of_a_gpu_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(tmp_path, monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-7f")
    assert devices.nvidia_gpus() == ["MIG-7f"]
    assert devices.devices(0, lambda _: None) == ["gpu:0"]


@pytest.mark.parametrize(
    ("device", "environment", "visible"),
    [
        ("cpu", {"CUDA_VISIBLE_DEVICES": "3"}, "-1"),
        ("gpu:0", {}, "0"),
        ("gpu:1,3", {}, "1,3"),
        ("gpu:0", {"CUDA_VISIBLE_DEVICES": "3"}, "3"),
        ("gpu:1,0", {"CUDA_VISIBLE_DEVICES": "5, GPU-8a,-1,2"}, "GPU-8a,5"),
    ],
)
def test_a_worker_takes_its_gpus_out_of_those_that_are_left_to_it(
    device: str, environment: dict[str, str], visible: str
) -> None:
    chosen = choosing(device, environment)
    assert chosen["CUDA_VISIBLE_DEVICES"] == visible
    # Else GPU 0 would be the fastest one, and not nvidia-smi's.
    assert device == "cpu" or chosen["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


@pytest.mark.parametrize(
    "device", ["cuda:0", "gpu", "GPU:0", "gpu:", "gpu:0,", "gpu:x", "gpu:1,1", "cpu:0", "", "gpu:²"]
)
def test_a_device_that_is_none(device: str) -> None:
    with pytest.raises(BadDevice, match=r"give cpu, gpu:0 for the first|names a GPU twice"):
        choosing(device, {})


def test_a_gpu_that_is_not_left_to_the_worker(tmp_path: Path) -> None:
    told = run("worker", "--device", "gpu:1", DREAMFARM_DATA=str(tmp_path), CUDA_VISIBLE_DEVICES="3")
    assert told.returncode == 2
    assert "CUDA_VISIBLE_DEVICES=3 leaves gpu:0" in " ".join(told.stderr.split())


def test_a_worker_for_a_gpu_never_renders_on_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(tmp_path, monkeypatch)
    devices.require_device("cpu")
    assert not (tmp_path / "asked").exists()
    devices.require_device("gpu:2")
    devices.require_device("gpu:1,2")
    assert (tmp_path / "asked").read_text() == "PCI_BUS_ID 2\nPCI_BUS_ID 1,2\n"
    with pytest.raises(Failed, match=r"can use 2 of the 3 GPUs of gpu:0,1,2.*--device cpu"):
        devices.require_device("gpu:0,1,2")


def test_a_worker_for_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    if devices.nvidia_gpus():
        pytest.skip("this machine has GPUs")
    told = run("worker", "--device", "gpu:0", DREAMFARM_DATA=str(tmp_path))
    assert told.returncode == 1
    assert "can use 0 of the 1 GPUs of gpu:0" in " ".join(told.stderr.split())


def test_help_is_quick_and_brings_no_tensorflow() -> None:
    check = "import sys; from deploy.main import build; build(); print([m for m in sys.modules if m in {heavy}])"
    heavy = {"tensorflow", "keras", "celery", "sqlalchemy", "fastapi", "numpy", "httpx"}
    answer = subprocess.run(
        [sys.executable, "-c", check.format(heavy=heavy)], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command", ["up", "down", "status", "doctor", "worker", "api", "sweeper", "flower", "db upgrade", "keys make"]
)
def test_every_command_has_help_with_an_example(command: str) -> None:
    told = run(*command.split(), "--help")
    assert told.returncode == 0
    assert "Example: " in told.stdout
    assert f"dreamfarm {command}" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (["up", "--port", "99999"], {}, 2, "--port"),
        (["up", "--workers", "-1"], {}, 2, "--workers"),
        (["upp"], {}, 2, "'up'"),
        (["status"], {"DREAMFARM_PORT": "abc"}, 2, "DREAMFARM_PORT: Input should be a valid integer"),
        (
            ["api"],
            {"DREAMFARM_BLOBS_URL": "ftp://secret@x"},
            2,
            "DREAMFARM_BLOBS_URL: it must start with file://, s3://",
        ),
        (["sweeper"], {"DREAMFARM_REDIS_URL": "localhost:6379"}, 2, "DREAMFARM_REDIS_URL: it must start with redis://"),
        (
            ["sweeper"],
            {"DREAMFARM_REDIS_URL": "sentinel://:secret@127.0.0.1:26379/0"},
            2,
            "DREAMFARM_REDIS_URL: it must start with redis://, rediss://, redis+socket://\n",
        ),
        (
            ["worker"],
            {"DREAMFARM_DATABASE_URL": "mysql://x"},
            2,
            "DREAMFARM_DATABASE_URL: it must start with sqlite://",
        ),
        (["api"], {"DREAMFARM_TRUSTED_PROXIES": "nginx"}, 2, "DREAMFARM_TRUSTED_PROXIES: 'nginx' does not appear"),
        (["api"], {"DREAMFARM_TRUSTED_PROXIES": "10.0.0.5/8"}, 2, "10.0.0.5/8 has host bits set"),
        (["up"], {"DREAMFARM_HEARTBEAT_SECONDS": "60"}, 2, "DREAMFARM_HEARTBEAT_SECONDS: it must be at most a third"),
        (["up"], {"DREAMFARM_LOG_LEVEL": "loud"}, 2, "DREAMFARM_LOG_LEVEL: Input should be 'DEBUG'"),
        (["up", "--port", "0"], {"DREAMFARM_FLOWER_HOST": "203.0.113.7"}, 1, "set DREAMFARM_FLOWER_HOST"),
        (["flower"], {}, 2, "DREAMFARM_FLOWER_PASSWORD"),
        (["flower"], {"DREAMFARM_FLOWER_PASSWORD": ""}, 2, "it wants a password: set DREAMFARM_FLOWER_PASSWORD"),
        (["worker", "--device", "cuda:0"], {}, 2, "--device: 'cuda:0' is no device; give cpu, gpu:0"),
        (["db", "upgrade"], {"DREAMFARM_DATABASE_URL": "postgresql://ada:secret@127.0.0.1:1/x"}, 1, "the database"),
        (["keys", "ls"], {}, 1, "db upgrade"),
    ],
)
def test_mistakes_end_with_a_sentence(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], code: int, message: str
) -> None:
    told = run(*arguments, **{"DREAMFARM_DATA": str(tmp_path), **environment})
    assert told.returncode == code
    assert message in told.stderr
    assert "Traceback" not in told.stderr
    assert "secret" not in told.stderr


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("blobs_url", "file://blobs/here", "file:///folder"),
        ("blobs_url", "file:blobs", "file:///folder"),
        ("blobs_url", "file:/blobs", "file:///folder"),
        ("blobs_url", "file:///", "file:///folder"),
        ("blobs_url", "file:///blobs#1", "%23"),
        ("blobs_url", "s3://", "s3://bucket"),
        ("blobs_url", "s3:///prefix", "s3://bucket"),
        ("blobs_url", "s3:bucket", "s3://bucket"),
        ("redis_url", "redis:6379", "redis://host"),
        ("redis_url", "redis+socket://redis.sock", "redis+socket:///folder/redis.sock"),
        ("database_url", "sqlite:farm.db", "four slashes"),
        ("database_url", "sqlite://", "four slashes"),
        ("database_url", "sqlite://farm.db", "four slashes"),
        ("database_url", "postgresql:farm", "postgresql://host"),
        ("lease_seconds", 1.2, "at most a third"),
        ("lease_seconds", float("nan"), "finite"),
        ("slice_seconds", float("inf"), "finite"),
        ("slice_seconds", 1e9, "less than or equal to 86400"),
        ("max_pixels", -1, "greater than or equal to 1"),
        ("max_upload_bytes", 0, "greater than or equal to 1"),
        ("tile", 0, "greater than or equal to 1"),
        ("host", "", "0.0.0.0"),
        ("flower_host", " ", "0.0.0.0"),
        ("data", "", "leave the setting out"),
        ("data", " ", "leave the setting out"),
        ("s3_endpoint", "minio:9000", "http://host:port"),
        ("s3_endpoint", "//minio", "http://host:port"),
        ("s3_endpoint", "http://", "http://host:port"),
        ("s3_endpoint", "ftp://minio", "http://host:port"),
    ],
)
def test_settings_that_would_mean_something_else_are_refused(name: str, value: object, right: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(right)):
        Settings.model_validate({name: value})


@pytest.mark.parametrize(
    "given",
    [
        {"blobs_url": "file:///var/lib/dream%23farm/a b/ä"},
        {"blobs_url": "s3://bucket"},
        {"blobs_url": "s3://bucket/some/prefix/"},
        {"redis_url": "redis://:secret@cache.example:6379/0"},
        {"redis_url": "rediss://cache.example?ssl_cert_reqs=required"},
        {"redis_url": "redis+socket://:secret@/run/redis.sock?virtual_host=0"},
        {"database_url": "sqlite:////var/lib/farm.db"},
        {"database_url": "sqlite:///farm.db?timeout=5"},
        {"database_url": "postgresql+psycopg://ada:p%40ss@db/farm?host=/run"},
        {"database_url": "postgresql:///farm"},
        {"lease_seconds": 60.0, "heartbeat_seconds": 20.0},
        {"host": "::"},
        {"s3_endpoint": "http://minio:9000"},
        {"s3_endpoint": "https://s3.example.org/some/path/"},
    ],
)
def test_settings_as_people_need_them_are_taken(given: dict[str, object]) -> None:
    assert Settings.model_validate(given).model_dump(include=given.keys()) == given


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_password_is_none(empty: str) -> None:
    """`dreamfarm up` then makes one."""
    assert Settings(flower_password=SecretStr(empty)).flower_password is None


@pytest.mark.parametrize("arguments", [["add", "mine", __file__], ["pull", "vgg16"]], ids=["add", "pull"])
def test_networks_are_not_brought_to_where_nothing_renders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr(devices, "find_spec", lambda name: None if name == "safetensors" else find_spec(name))
    told = CliRunner().invoke(build(), ["models", *arguments, "--data", str(tmp_path / "farm")], prog_name="dreamfarm")
    assert told.exit_code == 1
    assert "lacks safetensors" in told.stderr
    assert "dreamfarm[worker]" in told.stderr
    assert not (tmp_path / "farm").exists()


@pytest.mark.parametrize("command", ["status", "down"])
@pytest.mark.parametrize("given", ["~/farm", "farm", "sub/../farm"])
def test_a_data_folder_is_found_wherever_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, given: str
) -> None:
    """Given a folder as no shell has expanded it, every command means the same one."""
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "farm").mkdir()
    expected = {"status": "is crashed", "down": "had crashed"}[command]
    for arguments, environment in ((["--data", given], {}), ([], {"DREAMFARM_DATA": given})):
        farmfile.write(tmp_path / "farm", farm())
        told = run(command, *arguments, HOME=str(tmp_path), **environment)
        assert expected in told.stdout
        assert "~" not in told.stdout


def test_the_client_and_the_networks_find_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DREAMFARM_DATA", "~/farm")
    found = Settings()
    assert found.data == tmp_path / "farm"
    assert found.networks == tmp_path / "farm" / "networks"
    assert found.blobs == (tmp_path / "farm" / "blobs").as_uri()
    with pytest.raises(ValidationError, match="full path"):
        Settings(data=Path("~nobody-of-this-name/farm"))


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    data = {"DREAMFARM_DATA": str(tmp_path)}
    assert run("db", "upgrade", **data).returncode == 0
    key = run("keys", "make", "ada", "--role", "admin", "--label", "laptop", **data).stdout.strip()
    assert key.startswith("df_")
    listed = run("keys", "ls", **data).stdout
    assert "ada" in listed
    assert "laptop" in listed
    assert key not in listed
    assert run("keys", "revoke", listed.split()[0], **data).returncode == 0
    assert "revoked" in run("keys", "ls", **data).stdout
    assert run("keys", "revoke", "knothing", **data).returncode == 1
    refused = run("keys", "make", "ev il\nx", **data)
    assert (refused.returncode, "owner" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "fast"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16\n", True),
        ("processor : 0\nflags\t\t: fpu avx2 avx512f\n", False),
        ("Features\t: fp asimd bf16\n", True),
        (None, False),
    ],
)
def test_the_cpu_tells_whether_it_is_fast_in_bfloat16(tmp_path: Path, text: str | None, fast: bool) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    if text is not None:
        cpuinfo.write_text(text)
    assert devices.fast_bfloat16(cpuinfo) == fast
