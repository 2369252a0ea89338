"""A real API server over real stores, for the tests of what people can send and get."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import numpy as np
import pytest
from alembic import command
from PIL import Image

from api.server import ApiServer
from api.services import Services
from shared.blobs import Blobs, open_blobs
from shared.settings import Settings
from shared.store import Store, keys
from shared.store.schema import _config, upgrade
from shared.store.tables import Role
from tests.conftest import RedisServer, wait_until


class RunningApi:
    """An API server in a thread, and clients of it."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.blobs: Blobs = open_blobs(settings)
        self._clients: list[httpx.Client] = []
        self._server = ApiServer(settings)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive(), what="the API's start")
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def client(self, owner: str = "ada", role: Role = "submitter") -> httpx.Client:
        """A client with a new key of a person."""
        with self.store.write() as session:
            _, key = keys.create(session, owner, role)
        return self.anyone({"Authorization": f"Bearer {key}"})

    def anyone(self, headers: Mapping[str, str] | None = None) -> httpx.Client:
        """A client without a key."""
        client = httpx.Client(base_url=self.url, headers=headers, timeout=60)
        self._clients.append(client)
        return client

    @property
    def farm_store(self) -> Store:
        """The server's own store, unlike `store`, which is the test's."""
        services: Services = self._server.api.state.services
        return services.store

    def stop(self) -> None:
        """Stop as SIGTERM does; fails when it does not end."""
        self._server.should_exit = True
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()

    def close(self) -> None:
        """Stop, and close all clients."""
        for client in self._clients:
            client.close()
        self.stop()


@pytest.fixture
def api(store: Store, settings: Settings, redis_server: RedisServer) -> Iterator[RunningApi]:
    """A running API, on SQLite and on PostgreSQL."""
    changed = {"database_url": store.engine.url.render_as_string(hide_password=False), "redis_url": redis_server.url}
    running = RunningApi(settings.model_copy(update=changed | {"port": 0}), store)
    yield running
    running.close()


@pytest.fixture
def one_api(settings: Settings, redis_server: RedisServer) -> Iterator[RunningApi]:
    """A running API on SQLite, for what does not depend on the database."""
    settings.data.mkdir(parents=True, exist_ok=True)
    store = Store(settings.database)
    upgrade(store)
    running = RunningApi(settings.model_copy(update={"redis_url": redis_server.url, "port": 0}), store)
    yield running
    running.close()
    store.dispose()


def brought_along(store: Store, revision: str) -> None:
    """Takes the database back to an older schema, and from there to the current one."""
    with store.engine.execution_options(dreamfarm_write=True).begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    upgrade(store)


def picture(width: int = 64, height: int = 48, *, seed: int = 0, format: str = "PNG", **options: Any) -> bytes:
    """A picture file of coloured noise."""
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, format, **options)
    return file.getvalue()


def uploaded(client: httpx.Client, data: bytes) -> str:
    """The ID of a picture, after uploading it."""
    answer = client.post("/v1/assets", content=data)
    assert answer.is_success, answer.text
    return str(answer.json()["id"])
