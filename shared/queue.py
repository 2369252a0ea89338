"""The doorbell: Celery over Redis. SQL is the truth about jobs; a message only says that one may be claimed.

So messages are acknowledged early, may be lost or doubled, and are published again by the sweeper when Redis lost them.
The settings belong together: `tests/integration/test_queue.py` tests them as a block.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared.store import Store
from shared.store.jobs.schedule import Announcement, announce_next, unannounce

log = logging.getLogger(__name__)

#: What a Redis that is down, hangs, is full or refuses is told by.
UNREACHABLE = (OperationalError, RedisError, OSError)

#: Renders one slice of one job. Keyword: `job`.
SLICE = "job.slice"
#: Resumes a paused or failed job; to be sent from Flower. Keyword: `job`, a job's or batch's ID.
RESUME = "job.resume"
QUEUE = "slices"
CONTROL_QUEUE = "control"
#: Two lanes per priority: the even one goes ahead. Producer, worker and Flower must agree on the list.
LANES = list(range(20))
#: A rendering process that is not there after so long has got stuck as it started. It takes a second or two elsewhere.
_START_SECONDS = 120.0
#: Redis' answers that take longer count as none: a submission must never wait for a broker that hangs.
_SOCKET_SECONDS = 3.0


def celery_app(broker: str) -> Celery:
    """The Celery app, for API, workers, sweeper and Flower alike."""
    app = Celery("dreamfarm", broker=broker)
    app.conf.update(
        # Early acknowledgement: with a late one, a slice that outlasts the visibility timeout runs twice, and a slice
        # that kills its process is redelivered without end. Leases and counted attempts in SQL do it right.
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        worker_prefetch_multiplier=1,
        # An early acknowledged message in reserve would wait behind a long slice although others are free.
        worker_disable_prefetch=True,
        worker_pool="prefork",
        worker_concurrency=1,
        # A forked child hangs in TensorFlow when its parent ever used it; a spawned one does not.
        worker_pool_start_method="spawn",
        # By itself Celery kills a child that takes more than 4 s to start, and the next one: on a machine that is busy, or
        # whose disk is slow, a child that died would never be followed by another.
        worker_proc_alive_timeout=_START_SECONDS,
        # True leaves the slice in limbo when Redis goes away for a moment; the lease decides instead.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=True,
        # Shows messages that wait.
        task_send_sent_event=True,
        task_track_started=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=QUEUE,
        task_routes={RESUME: {"queue": CONTROL_QUEUE}},
        # Fails at once when Redis is down; the sweeper repairs.
        task_publish_retry_policy={"max_retries": 0, "interval_start": 0},
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 3600,
            "priority_steps": LANES,
            "sep": ":",
            "queue_order_strategy": "priority",
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "health_check_interval": 25,
            "socket_connect_timeout": _SOCKET_SECONDS,
            "socket_timeout": _SOCKET_SECONDS,
        },
    )
    return app


def publish(app: Celery, announcements: Sequence[Announcement]) -> Sequence[Announcement]:
    """Publish messages over one connection; those that a Redis out of reach did not take, which the log tells."""
    sent = 0
    try:
        with app.producer_or_acquire() as producer:
            for a in announcements:
                app.send_task(
                    SLICE,
                    kwargs={"job": a.job_id},
                    task_id=a.task_id,
                    queue=QUEUE,
                    priority=2 * a.priority + (0 if a.front else 1),
                    argsrepr=a.label,
                    kwargsrepr=a.job_id,
                    shadow=a.label,
                    producer=producer,
                )
                sent += 1
    except UNREACHABLE as error:
        log.warning("Redis cannot be reached, jobs wait in SQL: %s", error)
    return announcements[sent:]


def waiting(app: Celery) -> set[str]:
    """The task IDs of the messages that wait in Redis; few, as only a window is announced. Raises UNREACHABLE."""
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        lanes = [channel.client.lrange(channel._q_for_pri(QUEUE, lane), 0, -1) for lane in LANES]
    return {_task_id(message) for lane in lanes for message in lane}


def _task_id(message: bytes) -> str:
    """A message's task ID, empty for what is no message of Celery's: anybody may have put it there."""
    try:
        return str(json.loads(message)["headers"]["id"])
    except (ValueError, LookupError, TypeError):
        return ""


def announce(store: Store, app: Celery, *, ahead: int) -> int:
    """Publish the next jobs in fair order; how many. A broker that is down is reported in the log, not raised."""
    with store.write() as session:
        announcements = announce_next(session, ahead=ahead)
    if not announcements:
        return 0
    unsent = publish(app, announcements)
    if unsent:
        # Not left to the sweeper: whatever is urgent shall be announced as soon as Redis is back.
        with store.write() as session:
            unannounce(session, [a.task_id for a in unsent])
    return len(announcements) - len(unsent)


class Announcer:
    """Announces in a thread of its own, so that no request waits for Redis. Calls that come together become one."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._wanted = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)
        self._thread.start()

    def soon(self) -> None:
        """Announce soon."""
        self._wanted.set()

    def close(self) -> None:
        """Stop, after what is under way."""
        self._closed = True
        self._wanted.set()
        self._thread.join(timeout=2 * _SOCKET_SECONDS)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            if self._closed:
                return
            self._wanted.clear()
            try:
                self._work()
            except Exception:
                log.exception("announcing failed; the sweeper will try again")
