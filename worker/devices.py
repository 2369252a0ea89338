"""What a worker may be told to render on: `cpu`, `gpu:N`, or `gpu:N,M` for several GPUs on one picture.

GPUs are numbered as this process sees them: where whoever started it has set CUDA_VISIBLE_DEVICES (SLURM, somebody who
shares the machine), `gpu:0` is the first of those, and the others stay theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"
#: CUDA would put the fastest GPU first; nvidia-smi, whose numbers people read and `machine` asks by, counts like this.
AS_NVIDIA_SMI = "PCI_BUS_ID"
_DEVICE = re.compile(r"cpu|gpu:([0-9]{1,4}(?:,[0-9]{1,4})*)")
_NO_GPU = "-1"


class BadDevice(ValueError):
    """There is no such device; the message says what can be given."""


def gpus_of(device: str) -> tuple[int, ...]:
    """The numbers of a device's GPUs; none for `cpu`.

    Raises:
        BadDevice: it is neither `cpu` nor GPUs, or names one twice.
    """
    match = _DEVICE.fullmatch(device)
    if match is None:
        raise BadDevice(
            f"{device!r} is no device; give cpu, gpu:0 for the first NVIDIA GPU, or gpu:0,1 for two of them on one picture"
        )
    numbers = tuple(int(number) for number in (match[1] or "").split(",") if number)
    if len(set(numbers)) < len(numbers):
        raise BadDevice(f"{device!r} names a GPU twice")
    return numbers


def visible_gpus(environment: Mapping[str, str]) -> list[str] | None:
    """The GPUs that a process was left, by number or name as the driver takes them; None where it may use all."""
    given = environment.get(VISIBLE)
    if given is None:
        return None
    found = [name.strip() for name in given.split(",")]
    # CUDA reads up to the first that is none, by custom -1.
    end = next((at for at, name in enumerate(found) if not name or name.startswith("-")), len(found))
    return found[:end]


def choosing(device: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that keep a process to a device, out of what its environment leaves it.

    Raises:
        BadDevice: there is no such device, or the environment hides it.
    """
    numbers, visible = gpus_of(device), visible_gpus(environment)
    if not numbers:
        return {VISIBLE: _NO_GPU}
    if visible is None:
        names = [str(number) for number in numbers]
    elif max(numbers) < len(visible):
        names = [visible[number] for number in numbers]
    else:
        left = f"gpu:0 to gpu:{len(visible) - 1}" if len(visible) > 1 else "gpu:0" if visible else "none"
        raise BadDevice(f"{device!r} is not there: {VISIBLE}={environment[VISIBLE]} leaves {left}")
    return {VISIBLE: ",".join(names), ORDER: environment.get(ORDER, AS_NVIDIA_SMI)}
