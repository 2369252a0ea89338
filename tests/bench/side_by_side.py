"""Implementations side by side: each in a process of its own, set up as it needs it, and asked in turns."""

from __future__ import annotations

import os
import statistics
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from worker.networks import ENVIRONMENT, THREADS

#: What a contestant can be asked to do, by name.
Actions = Mapping[str, Callable[[], Any]]

#: Settings for memory that is not given back to the system between two tensors: every page would be cleared again.
KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**26),
}


class Contestant:
    """A process that holds an implementation; use as a context manager.

    `prepare(*arguments)` is called in it and says what it can be asked. `core` pins it to one core; `environment` is laid
    over this process' own, from which TensorFlow's settings are removed.
    """

    def __init__(
        self,
        prepare: Callable[..., Actions],
        *arguments: Any,
        core: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(prepare, arguments, theirs, core), daemon=True)
        with _environment(environment or {}):
            self._process.start()
        theirs.close()

    def __enter__(self) -> Contestant:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_alive():
            self._pipe.send(None)
        self._process.join()

    def begin(self, action: str) -> None:
        """Start an action."""
        self._pipe.send(action)

    def end(self) -> tuple[float, Any]:
        """Wait for the action that was started: the seconds that it took, and its result."""
        seconds, result, failure = self._pipe.recv()
        if failure:
            raise RuntimeError(f"a contestant failed:\n{failure}")
        return seconds, result

    def ask(self, action: str) -> Any:
        """The result of an action."""
        self.begin(action)
        return self.end()[1]

    def seconds(self, action: str) -> float:
        """How long an action takes."""
        self.begin(action)
        return self.end()[0]


def together(contestants: Sequence[Contestant], action: str) -> list[float]:
    """The seconds that an action takes each of the contestants, all of them at once."""
    for contestant in contestants:
        contestant.begin(action)
    return [contestant.end()[0] for contestant in contestants]


def in_turns(calls: Mapping[str, Callable[[], float]], rounds: int, *, warm: bool = False) -> dict[str, float]:
    """The median of what each call measures in so many rounds; unless all are `warm`, after one that compiles.

    The calls take turns, so that a busy machine is as busy for all of them.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds if warm else rounds + 1):
        for name, call in calls.items():
            found[name].append(call())
    return {name: statistics.median(values[-rounds:]) for name, values in found.items()}


def timed(call: Callable[[], object]) -> float:
    """The seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """The environment that a new process inherits."""
    before = dict(os.environ)
    for name in (*ENVIRONMENT, THREADS):
        os.environ.pop(name, None)
    os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "2", **changes})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(prepare: Callable[..., Actions], arguments: Sequence[Any], pipe: Connection, core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})
    actions: Actions | None = None
    while (action := pipe.recv()) is not None:
        try:
            actions = actions or prepare(*arguments)
            started = time.perf_counter()
            result = actions[action]()
            pipe.send((time.perf_counter() - started, result, None))
        except Exception:  # noqa: BLE001 - told to whoever asked
            pipe.send((0.0, None, traceback.format_exc()))
