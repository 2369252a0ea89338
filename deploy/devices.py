"""Which devices this machine renders on: `gpu:0`, `gpu:1`, … or `cpu`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from api.cli.command import Failed
from worker.devices import AS_NVIDIA_SMI, ORDER, choosing, gpus_of, visible_gpus

#: Importing TensorFlow from a cold disk can take this long.
_IMPORT_SECONDS = 120
#: What the extras `worker` and `gpu` bring.
_RENDERING = ("tensorflow", "safetensors", "av")
_QUESTION = (
    "import json, tensorflow as tf; "
    "print(json.dumps([tf.__version__, [gpu.name for gpu in tf.config.list_physical_devices('GPU')]]), flush=True)"
)


class NoTensorFlow(Exception):
    """TensorFlow cannot be imported; the message is its last line of complaint."""


def require_rendering() -> None:
    """Check that this environment can render and read networks, without importing TensorFlow.

    Raises:
        Failed: something that this takes is not installed.
    """
    missing = [name for name in _RENDERING if find_spec(name) is None]
    if missing:
        raise Failed(
            f"this environment lacks {' and '.join(missing)}, which rendering takes: pip install 'dreamfarm[worker]', "
            "or 'dreamfarm[gpu]' for NVIDIA GPUs"
        )


def require_device(device: str) -> None:
    """Check that TensorFlow can use all of a device's GPUs: it would render on the CPU instead, and not say so.

    Raises:
        BadDevice: there is no such device.
        Failed: TensorFlow cannot use it.
    """
    wanted = gpus_of(device)
    if not wanted:
        return
    try:
        usable = len(tensorflow(choosing(device, os.environ))[1])
    except NoTensorFlow as error:
        raise Failed(f"TensorFlow cannot be imported: {error}; `dreamfarm doctor` says what to do") from None
    if usable < len(wanted):
        raise Failed(
            f"TensorFlow can use {usable} of the {len(wanted)} GPUs of {device}: pip install 'dreamfarm[gpu]' in an "
            "environment without tensorflow-cpu, and check with nvidia-smi that the GPU is there and its driver is not too "
            "old; --device cpu renders on the processor"
        )


def tensorflow(environment: Mapping[str, str] | None = None) -> tuple[str, list[int]]:
    """TensorFlow's version and the numbers of the GPUs that it can use; asked in a process of its own.

    `environment` has variables that the process is given besides this one's.

    Raises:
        NoTensorFlow: it cannot be imported.
    """
    try:
        answer = subprocess.run(
            [sys.executable, "-P", "-c", _QUESTION],
            capture_output=True,
            text=True,
            timeout=_IMPORT_SECONDS,
            env={ORDER: AS_NVIDIA_SMI, **os.environ, **(environment or {}), "TF_CPP_MIN_LOG_LEVEL": "3"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoTensorFlow(f"importing it took more than {_IMPORT_SECONDS} s") from None
    if answer.returncode != 0:
        complaint = answer.stderr.strip().splitlines() or [f"it ended with code {answer.returncode}"]
        raise NoTensorFlow(complaint[-1])
    version, gpus = json.loads(answer.stdout.strip().splitlines()[-1])
    # `/physical_device:GPU:1`; one that is too old or too small is passed over, and its number with it.
    return str(version), [int(name.rpartition(":")[2]) for name in gpus]


def fast_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU computes bfloat16 itself; others make do with float32 and take longer than with that alone."""
    if not cpuinfo.is_file():
        return False
    flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith(("flags", "Features"))), "")
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags.split())


def nvidia_gpus() -> list[str]:
    """The names of the NVIDIA GPUs that the driver sees, of those that this process may use."""
    if shutil.which("nvidia-smi") is None:
        return []
    answer = subprocess.run(
        ["nvidia-smi", "--query-gpu=index,uuid,name", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = answer.stdout.splitlines() if answer.returncode == 0 else []
    found = [line.split(", ", 2) for line in lines if line.count(", ") >= 2]
    visible = visible_gpus(os.environ)
    if visible is None:
        return [name for _, _, name in found]
    # Part of a GPU (MIG-…) is in no such list; it is called what the variable calls it.
    return [
        next((name for index, uuid, name in found if wanted == index or uuid.startswith(wanted)), wanted)
        for wanted in (visible if found else [])
    ]


def devices(workers: int, say: Callable[[str], None], gpus_per_worker: int = 1) -> list[str]:
    """The device of each of so many workers; of one per `gpus_per_worker` GPUs, or one for the CPU, where that is 0.

    TensorFlow is only asked where there are GPUs at all, because that takes seconds.
    """
    gpus: list[int] = []
    found = nvidia_gpus()
    if found:
        say(f"asking TensorFlow whether it can use {', '.join(found)}")
        with contextlib.suppress(NoTensorFlow):
            gpus = tensorflow()[1]
        if len(gpus) < len(found):
            say(f"it can use {len(gpus)} of {len(found)} GPUs; `dreamfarm doctor` says what to do")
    if not gpus:
        return ["cpu"] * max(1, workers)
    shares = [gpus[first : first + gpus_per_worker] for first in range(0, len(gpus), gpus_per_worker)]
    names = ["gpu:" + ",".join(map(str, share)) for share in shares]
    return [names[number % len(names)] for number in range(workers or len(names))]
