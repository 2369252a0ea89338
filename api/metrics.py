"""Numbers for Prometheus, and for whoever scales the workers."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from shared.store import Store, queries

log = logging.getLogger(__name__)

#: Seconds. A page of jobs takes milliseconds, a batch of 10,000 jobs seconds.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The process's own registry: requests as they are answered, the farm as SQL knows it at the scrape."""

    def __init__(self, store: Store) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_FarmCollector(store))
        self.seconds = Histogram(
            "dreamfarm_request_seconds",
            "Time from a request to the start of its answer",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.answers = Counter(
            "dreamfarm_requests", "Requests answered", ("method", "route", "status"), registry=self._registry
        )
        self.submitted = Counter("dreamfarm_submitted_jobs", "Jobs submitted here", registry=self._registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer. `route` is the path's template: one series per template, not per ID."""
        self.seconds.labels(method, route).observe(seconds)
        self.answers.labels(method, route, str(status)).inc()

    def text(self) -> bytes:
        """All numbers in Prometheus' text format."""
        return generate_latest(self._registry)


class _FarmCollector(Collector):
    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterator[Metric]:
        """Nothing: otherwise registering would ask the database already."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The farm's numbers; only `dreamfarm_sql_up` 0 while the database is away."""
        try:
            with self._store.read() as session:
                totals = queries.totals(session)
        except SQLAlchemyError as error:
            log.warning("no metrics, the database cannot be reached: %s", error)
            yield _gauge("dreamfarm_sql_up", "Whether the database answers", 0)
            return
        yield _gauge("dreamfarm_sql_up", "Whether the database answers", 1)
        jobs = GaugeMetricFamily("dreamfarm_jobs", "Jobs by state", labels=["state"])
        for state, number in totals.jobs.items():
            jobs.add_metric([state], number)
        yield jobs
        waiting = "Work that waits or is under way, in megapixel-iterations"
        yield _gauge("dreamfarm_queued_mpit", waiting, totals.queued_mpit)
        yield _gauge("dreamfarm_workers", "Workers that told of themselves in the last seconds", totals.workers)
        yield _gauge("dreamfarm_outputs", "Outputs that can be fetched", totals.jobs["succeeded"])
        yield _gauge("dreamfarm_last_event", "Number of the newest event", totals.last_event)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
