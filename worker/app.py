"""The worker's main process: Celery, its identity, and its own sign of life. It never imports TensorFlow."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from typing import Any

from celery import signals
from sqlalchemy.exc import SQLAlchemyError

from shared.queue import CONTROL_QUEUE, QUEUE, announce, celery_app
from shared.settings import Settings
from shared.store import workers
from shared.store.workers import Identity
from worker.context import context
from worker.devices import choosing
from worker.networks import cores, prepare_tensorflow

log = logging.getLogger(__name__)

#: How often a worker says that it is there; a few of these fit into `others.WORKER_SILENCE`.
_SIGN_OF_LIFE_SECONDS = 3.0


def run_worker(settings: Settings, *, name: str, device: str) -> int:
    """Run a worker until it is told to stop; its exit code.

    `name` is this worker's own on its host, `device` is as `worker.devices` says. The environment carries the settings
    to the child process that renders.

    Raises:
        BadDevice: there is no such device.
    """
    os.environ.update(choosing(device, os.environ))
    # Read when TensorFlow is imported: by the rendering process, which inherits it.
    prepare_tensorflow(settings.threads or max(1, cores() // max(1, settings.workers)))
    app = celery_app(settings.broker)
    app.conf.include = ["worker.tasks"]
    host = socket.gethostname()
    who = Identity(name=f"{name}@{host}", host=host, pid=os.getpid(), device=device)
    life = _Life(who)
    signals.worker_ready.connect(lambda **_: life.begin(app), weak=False)
    signals.worker_shutting_down.connect(lambda **_: _interrupt_slices(), weak=False)
    argv = ["worker", "--hostname", who.name, "--queues", f"{QUEUE},{CONTROL_QUEUE}", "--events"]
    argv += ["--loglevel", settings.log_level, "--without-gossip", "--without-mingle"]
    try:
        app.worker_main(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        life.end()
    return 0


class _Life:
    """Says every few seconds that the worker is there."""

    def __init__(self, who: Identity) -> None:
        self._who = who
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="life", daemon=True)

    def begin(self, app: Any) -> None:
        """Start, and let the farm know that a worker is free."""
        self._say()
        self._thread.start()
        farm = context()
        announce(farm.store, app, ahead=farm.settings.announce_ahead)

    def end(self) -> None:
        """Stop, and say so."""
        self._over.set()
        if not self._thread.is_alive():
            return
        self._thread.join()
        try:
            with context().store.write() as session:
                workers.gone(session, self._who.name)
        except SQLAlchemyError as error:
            log.warning("could not sign off: %s", error)

    def _run(self) -> None:
        while not self._over.wait(_SIGN_OF_LIFE_SECONDS):
            self._say()

    def _say(self) -> None:
        try:
            with context().store.write() as session:
                workers.seen(session, self._who)
        except SQLAlchemyError as error:
            log.warning("could not say that this worker is there: %s", error)


def _interrupt_slices() -> None:
    """Ask the slices under way to save and end now: whoever stops a worker does not want to wait for a slice's end."""
    from celery.worker import state

    for request in tuple(state.active_requests):
        if request.worker_pid:
            os.kill(request.worker_pid, signal.SIGUSR1)
