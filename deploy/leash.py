"""Runs a service so that it cannot outlive the supervisor: `python -m deploy.leash SUPERVISOR_PID PROGRAM ARGUMENT…`.

On Linux the kernel is told to kill the service with its parent, and this process becomes the service. Elsewhere this
process stays, passes signals on, and kills the service's process group when the parent is gone.
Only the standard library is imported, because each service starts with this.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import types

#: From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1
#: How often the parent is looked for where the kernel does not tell.
_LOOK_SECONDS = 0.25


def main() -> int:
    """Run the service given in the arguments."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        _die_with(parent)
        os.execvp(command[0], command)
    return watch(parent, command)


def watch(parent: int, command: list[str]) -> int:
    """Run the command until it ends or the parent is gone; its exit code, as a shell would say it."""
    process = subprocess.Popen(command)

    def pass_on(number: int, _frame: types.FrameType | None) -> None:
        process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, pass_on)
    while True:
        try:
            code = process.wait(timeout=_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                os.killpg(os.getpgrp(), signal.SIGKILL)
        else:
            return code if code >= 0 else 128 - code


def _die_with(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        # The supervisor died before the kernel was told.
        raise SystemExit(1)


if __name__ == "__main__":
    raise SystemExit(main())
