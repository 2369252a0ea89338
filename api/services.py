"""What a request works with, made once per process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request

from api.doorbell import Doorbell
from api.metrics import Metrics
from api.tail import Tail
from shared.blobs import Blobs
from shared.settings import Settings
from shared.store import Store


@dataclass(frozen=True, kw_only=True)
class Services:
    """The process's connections and its background work."""

    settings: Settings
    store: Store
    blobs: Blobs
    doorbell: Doorbell
    tail: Tail
    metrics: Metrics
    #: Bounds how many pictures are decoded at once: each may take over a gigabyte.
    decoding: CapacityLimiter
    #: Bounds how many smaller copies are made at once: each has a whole file in memory.
    copying: CapacityLimiter


def services(request: Request) -> Services:
    """The services of the app that serves a request."""
    found: Services = request.app.state.services
    return found


Farm = Annotated[Services, Depends(services)]
