"""Which devices this machine renders on: `gpu:0`, `gpu:1`, … or `cpu`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from api.cli.command import Failed

#: Importing TensorFlow from a cold disk can take this long.
_IMPORT_SECONDS = 120
_QUESTION = (
    "import json, tensorflow as tf; "
    "print(json.dumps([tf.__version__, len(tf.config.list_physical_devices('GPU'))]), flush=True)"
)


class NoTensorFlow(Exception):
    """TensorFlow cannot be imported; the message is its last line of complaint."""


def require_tensorflow() -> None:
    """Check that this environment can render, without importing TensorFlow.

    Raises:
        Failed: TensorFlow is not installed.
    """
    if find_spec("tensorflow") is None:
        raise Failed(
            "this environment cannot render: pip install 'dreamfarm[worker]', or 'dreamfarm[gpu]' for NVIDIA GPUs"
        )


def tensorflow() -> tuple[str, int]:
    """TensorFlow's version and how many GPUs it can use; asked in a process of its own.

    Raises:
        NoTensorFlow: it cannot be imported.
    """
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        answer = subprocess.run(
            [sys.executable, "-P", "-c", _QUESTION],
            capture_output=True,
            text=True,
            timeout=_IMPORT_SECONDS,
            env=quiet,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoTensorFlow(f"importing it took more than {_IMPORT_SECONDS} s") from None
    if answer.returncode != 0:
        complaint = answer.stderr.strip().splitlines() or [f"it ended with code {answer.returncode}"]
        raise NoTensorFlow(complaint[-1])
    version, gpus = json.loads(answer.stdout.strip().splitlines()[-1])
    return str(version), int(gpus)


def fast_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU computes bfloat16 itself; others make do with float32 and take longer than with that alone."""
    if not cpuinfo.is_file():
        return False
    flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith(("flags", "Features"))), "")
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags.split())


def nvidia_gpus() -> list[str]:
    """The names of the NVIDIA GPUs that the driver sees."""
    if shutil.which("nvidia-smi") is None:
        return []
    answer = subprocess.run(
        ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()] if answer.returncode == 0 else []


def devices(workers: int, say: Callable[[str], None], gpus_per_worker: int = 1) -> list[str]:
    """The device of each of so many workers; of one per `gpus_per_worker` GPUs, or one for the CPU, where that is 0.

    TensorFlow is only asked where there are GPUs at all, because that takes seconds.
    """
    gpus = 0
    found = nvidia_gpus()
    if found:
        say(f"asking TensorFlow whether it can use {', '.join(found)}")
        try:
            gpus = tensorflow()[1]
        except NoTensorFlow:
            gpus = 0
        if gpus < len(found):
            say(f"it can use {gpus} of {len(found)} GPUs; `dreamfarm doctor` says what to do")
    if gpus == 0:
        return ["cpu"] * max(1, workers)
    shares = [range(first, min(first + gpus_per_worker, gpus)) for first in range(0, gpus, gpus_per_worker)]
    names = ["gpu:" + ",".join(map(str, share)) for share in shares]
    return [names[number % len(names)] for number in range(workers or len(names))]
