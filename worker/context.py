"""What a worker process works with, opened once per process."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from shared.blobs import Blobs, open_blobs
from shared.settings import Settings, settings
from shared.store import Store
from worker.health import Health


@dataclass(frozen=True)
class Context:
    """A process's settings, database and blobs, and how well it is."""

    settings: Settings
    store: Store
    blobs: Blobs
    health: Health = field(default_factory=Health)


@lru_cache(maxsize=1)
def context() -> Context:
    """The process's context, from the environment."""
    current = settings()
    return Context(current, Store(current.database), open_blobs(current))
