"""Telling Redis what SQL decided: announcements, and interruptions of slices that were cancelled or paused.

Both happen in one thread of their own, because no request may wait for Redis, and both may fail: what was not
announced is found by the sweeper, and a worker that was not interrupted learns of it with its next heartbeat.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from shared.queue import Announcer, announce
from shared.store import Store

log = logging.getLogger(__name__)

#: How long Redis may take to answer before it counts as away.
_ANSWER_SECONDS = 1.0


class Doorbell:
    """Rings in the background."""

    def __init__(self, store: Store, queue: Celery, *, ahead: int) -> None:
        self._store = store
        self._queue = queue
        self._ahead = ahead
        self._lock = threading.Lock()
        self._interrupt: list[str] = []
        self._announcer = Announcer(self._ring)

    def announce(self) -> None:
        """Announce runnable jobs soon."""
        self._announcer.soon()

    def interrupt(self, task_ids: Sequence[str]) -> None:
        """Interrupt the slices of these messages soon, and announce what may run in their place."""
        with self._lock:
            self._interrupt.extend(task_ids)
        self._announcer.soon()

    def close(self) -> None:
        """Stop, after what is under way."""
        self._announcer.close()

    def answers(self) -> bool:
        """Whether Redis answers now."""
        try:
            client = redis_client(str(self._queue.conf.broker_url))
            try:
                return bool(client.ping())
            finally:
                client.close()
        except (redis.RedisError, ValueError):
            return False

    def _ring(self) -> None:
        with self._lock:
            task_ids, self._interrupt = self._interrupt, []
        # Celery would try for several seconds to reach a Redis that is away, and announcing has to wait so long.
        if task_ids and self.answers():
            try:
                self._queue.control.revoke(task_ids, terminate=True, signal="SIGUSR1")
            except OperationalError as error:
                log.warning("slices could not be interrupted, their workers will notice: %s", error)
        announce(self._store, self._queue, ahead=self._ahead)


def redis_client(broker: str) -> redis.Redis:
    """A plain client of Celery's broker. Raises ValueError for brokers that are no Redis."""
    url = urlsplit(broker)
    if url.scheme == "redis+socket":
        return redis.Redis(
            unix_socket_path=url.path,
            password=unquote(url.password) if url.password else None,
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
        )
    return redis.Redis.from_url(broker, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS)
