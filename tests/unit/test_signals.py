"""What signals do to a rendering process between two slices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: A slice that ends at once, there being no database; then the signal that came too late for it. Before its first slice a
#: process has billiard's handler, which raises.
_LATE = """
import os, signal
from billiard.exceptions import SoftTimeLimitExceeded
from billiard.pool import soft_timeout_sighandler
from worker.tasks import render_slice
signal.signal(signal.SIGUSR1, soft_timeout_sighandler)
try:
    render_slice.run("jnone")
except SoftTimeLimitExceeded:
    raise
except Exception as error:
    print(type(error).__name__)
os.kill(os.getpid(), signal.SIGUSR1)
print("goes on")
"""


def test_a_wish_to_stop_that_comes_too_late_strikes_nothing(tmp_path: Path) -> None:
    """Raised while the process held the lock for its next message, it had the worker wait for ever."""
    nowhere = os.environ | {
        "DREAMFARM_DATABASE_URL": f"sqlite:///{tmp_path}/none/farm.db",
        "DREAMFARM_DATA": str(tmp_path),
    }
    ran = subprocess.run(
        [sys.executable, "-c", _LATE], capture_output=True, text=True, check=False, env=nowhere, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "goes on"
