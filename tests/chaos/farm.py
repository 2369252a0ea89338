"""A farm of real processes that tests may kill, and the audit of what it left behind."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from sqlalchemy import select

from shared.blobs import Blobs, open_blobs
from shared.cards import card
from shared.plan import plan
from shared.queue import announce, celery_app
from shared.settings import Settings
from shared.specs import SPEC
from shared.store import Store
from shared.store.jobs import submission
from shared.store.schema import upgrade
from shared.store.tables import Attempt, Event, Frame, Job
from tests.conftest import RedisServer, wait_until


class Farm:
    """Redis, a worker and a sweeper as processes, on a database and a folder of the test's."""

    def __init__(self, folder: Path, redis: RedisServer, database: str | None = None, **knobs: str) -> None:
        self.redis = redis
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        environment = {"DATA": str(folder), "REDIS_URL": redis.url, "SLICE_SECONDS": "0.7", "SWEEP_SECONDS": "0.5",
                       "LEASE_SECONDS": "4", "MESSAGE_GRACE_SECONDS": "3", "RETRY_SECONDS": "0.2"}  # fmt: skip
        if database is not None:
            environment["DATABASE_URL"] = database
        self.environment = os.environ | {f"DREAMFARM_{name}": value for name, value in (environment | knobs).items()}
        self.settings = Settings(data=folder, redis_url=redis.url, database_url=database)
        self.store = Store(self.settings.database)
        upgrade(self.store)
        self.blobs: Blobs = open_blobs(self.settings)
        self.parts: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Start a part of the farm: `start("worker", "--name", "w", "--device", "cpu")`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.parts[name] = subprocess.Popen(
                [sys.executable, "-m", "deploy.main", *(arguments or (name,))],
                env=self.environment | dict(environment or {}),
                stdout=log,
                stderr=log,
            )

    def start_worker(self, name: str = "worker", *, environment: Mapping[str, str] | None = None) -> None:
        """Start a worker for the CPU."""
        self.start(name, "worker", "--name", name, "--device", "cpu", environment=environment)

    def child(self, name: str = "worker") -> psutil.Process:
        """The worker's rendering child process, once there is one."""

        def is_renderer(process: psutil.Process) -> bool:
            try:
                return "spawn_main" in " ".join(process.cmdline())
            except psutil.NoSuchProcess:
                return False  # a helper that has ended meanwhile

        def find() -> psutil.Process | None:
            children = psutil.Process(self.parts[name].pid).children()
            return next((c for c in children if is_renderer(c)), None)

        found = wait_until(find, seconds=40, what="a rendering process")
        assert isinstance(found, psutil.Process)
        return found

    def kill(self, name: str) -> None:
        """kill -9 a part; its children are left to find out by themselves."""
        process = self.parts.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End everything that was started."""
        for process in self.parts.values():
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for child in children:
                try:
                    child.send_signal(signal.SIGKILL)
                except psutil.NoSuchProcess:
                    continue
        self.store.dispose()

    def submit(self, *specs: dict[str, object], owner: str = "ada", sizes: tuple[int, int] | None = None) -> list[str]:
        """Submit dreams and announce them; the jobs' IDs. `sizes`: of the inputs, where they cannot be read."""
        jobs = []
        for number, fields in enumerate(specs):
            spec = SPEC.validate_python({"kind": "dream"} | fields)
            size = sizes or self._size(getattr(spec, "input", None))
            planned = plan(spec, card=card(spec.model), width=size[0], height=size[1])
            jobs.append(submission.NewJob(spec=spec, name=spec.name or f"dream {number}", plan=planned))
        with self.store.write() as session:
            batch = submission.create_batch(session, owner, "", jobs)
            ids = session.scalars(select(Job.id).where(Job.batch_id == batch.id).order_by(Job.position)).all()
        self.announce()
        return list(ids)

    def announce(self) -> None:
        """Announce what is due."""
        announce(self.store, celery_app(self.redis.url), ahead=2)

    def put_asset(self, data: bytes) -> str:
        """Store a picture as an upload would."""
        digest = hashlib.sha256(data).hexdigest()
        self.blobs.put(f"assets/{digest}", data)
        return f"sha256:{digest}"

    def job(self, job_id: str) -> Job:
        """The job's row as it is now."""
        with self.store.read() as session:
            return session.scalars(select(Job).where(Job.id == job_id)).one()

    def wait(self, job_id: str, *states: str, seconds: float = 120) -> Job:
        """The job, once it is in one of the states."""

        def reached() -> Job | None:
            job = self.job(job_id)
            return job if job.state in states else None

        found = wait_until(reached, seconds=seconds, what=f"job {job_id} being {' or '.join(states)}")
        assert isinstance(found, Job)
        return found

    def wait_for_step(self, job_id: str, step: int) -> None:
        """Until the job's worker has told that it got so far."""
        wait_until(lambda: self.job(job_id).step >= step, seconds=90, what=f"step {step} of job {job_id}")

    def audit(self, job_id: str) -> bytes:
        """Check that a succeeded job has everything once; the output's file."""
        job = self.job(job_id)
        assert job.state == "succeeded", job.reason
        assert job.output is not None
        output = self.blobs.get(job.output)
        assert f"sha256:{hashlib.sha256(output).hexdigest()}" == job.output_digest
        with self.store.read() as session:
            frames = session.scalars(select(Frame).where(Frame.job_id == job_id).order_by(Frame.number)).all()
            events = session.scalars(select(Event).where(Event.job_id == job_id).order_by(Event.seq)).all()
            attempts = session.scalars(select(Attempt).where(Attempt.job_id == job_id)).all()
        assert [f.number for f in frames] == list(range(1, len(frames) + 1))
        assert job.frames == len(frames)
        assert frames[-1].step == job.steps
        assert all(self.blobs.exists(f.picture) and self.blobs.exists(f.thumbnail) for f in frames)
        types = Counter(event.type for event in events)
        assert types["job.started"] == types["job.succeeded"] == 1
        assert types["job.frame"] == len(frames)
        assert all(attempt.outcome != "running" for attempt in attempts)
        assert [a.outcome for a in attempts].count("succeeded") == 1
        return output

    def audit_folder(self, job_id: str) -> None:
        """Check that a finished job's folder holds what SQL knows of, and nothing else."""
        job = self.job(job_id)
        with self.store.read() as session:
            frames = session.scalars(select(Frame).where(Frame.job_id == job_id)).all()
        wanted = {job.output, job.manifest, *(f.picture for f in frames), *(f.thumbnail for f in frames)}
        # A worker commits before it tidies up, so the job may be a moment ahead of its folder.
        wait_until(lambda: set(self.blobs.keys(f"jobs/{job_id}")) == wanted, what="a tidy folder")

    def _size(self, asset: object) -> tuple[int | None, int | None]:
        if asset is None:
            return None, None
        with Image.open(io.BytesIO(self.blobs.get(f"assets/{str(asset).removeprefix('sha256:')}"))) as image:
            return image.size


def pixels(data: bytes) -> np.ndarray:
    """A picture file's values."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))
