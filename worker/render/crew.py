"""The crew: what renders tiles in this process, several at once.

On a CPU two tiles share all cores: what one of them leaves idle, in small operations, the other one uses. More would take
more memory, so that tiles would have to be smaller. On GPUs each one computes a tile at a time, all of them on one picture
where the process may use several.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

import tensorflow as tf

from worker.networks import THREADS, cores
from worker.networks.arithmetic import Arithmetic, Precision
from worker.render.recipe import Interrupt

Task = TypeVar("Task")
Result = TypeVar("Result")

#: How many tiles share a CPU.
TILES_ON_A_CPU = 2
#: How long nobody asks whether the work is still wanted, in seconds.
_PATIENCE = 0.2


@dataclass(frozen=True, eq=False)
class Crew:
    """Workers that each compute on a device; several may share one."""

    #: A device in TensorFlow's terms for each worker.
    devices: tuple[str, ...]
    arithmetic_of: Callable[[Precision], Arithmetic]

    @property
    def parallel(self) -> int:
        """How many tiles are rendered at once."""
        return len(self.devices)

    @property
    def main(self) -> str:
        """The device for what is not done tile by tile."""
        return self.devices[0]

    def each(
        self, work: Callable[[Task, str], Result], tasks: Iterable[Task], interrupt: Interrupt
    ) -> Iterator[Result]:
        """`work(task, device)` for each task, several at once; the results in the order of the tasks.

        `interrupt` is called all the while. What it raises, and what `work` raises, passes through; tasks that were
        begun then end unheard. For that one worker alone has a thread, too: a large tile takes it many seconds.
        """

        def run(task: Task) -> Result:
            device = self._free.get()
            try:
                return work(task, device)
            finally:
                self._free.put(device)

        remaining = iter(tasks)
        # One more than there are workers, so that nobody waits while a result is used.
        begun: deque[Future[Result]] = deque(
            self._pool.submit(run, task) for task in islice(remaining, self.parallel + 1)
        )
        try:
            while begun:
                interrupt()
                if not wait([begun[0]], timeout=_PATIENCE).done:
                    continue
                result = begun.popleft().result()
                begun.extend(self._pool.submit(run, task) for task in islice(remaining, 1))
                yield result
        finally:
            for future in begun:
                future.cancel()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.parallel, thread_name_prefix="tile")

    @cached_property
    def _free(self) -> SimpleQueue[str]:
        free: SimpleQueue[str] = SimpleQueue()
        for device in self.devices:
            free.put(device)
        return free


@lru_cache(maxsize=1)
def crew() -> Crew:
    """The crew of this process: its GPUs, or else its share of the cores."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        # TensorFlow takes 0 for all cores.
        threads = int(os.environ.get(THREADS) or 0) or cores()
        at_once = min(threads, TILES_ON_A_CPU)
        return Crew(("/CPU:0",) * at_once, lambda precision: Arithmetic(precision))
    # Since Ampere, bfloat16 is as fast as float16, and its range is float32's.
    details = tf.config.experimental.get_device_details(gpus[0])
    half = tf.bfloat16 if details.get("compute_capability", (0, 0)) >= (8, 0) else tf.float16
    return Crew(
        tuple(f"/GPU:{i}" for i in range(len(gpus))), lambda precision: Arithmetic(precision=precision, half=half)
    )
