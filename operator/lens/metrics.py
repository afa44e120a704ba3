"""The Prometheus metrics of the process: its watches, its server and its jobs. The GPUs' are elsewhere."""

import contextlib
import time
from collections.abc import Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    Summary,
    disable_created_metrics,
)

from lens.concurrency.supervisor import JOB_FAILURES_HELP

# In the text format each would be a time series of its own, of no use to anybody.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types here


class Metrics:
    """All metrics, on a registry of their own."""

    def __init__(self) -> None:
        """Make the metrics."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.watch_lines = Counter(
            "lens_watch_lines",
            "Lines that the apiserver sent on a watch, by outcome: changed (the object is new or another), "
            "unchanged, late (older than what is known), bookmark (says how far the watch is), error (ends "
            "the watch), unreadable.",
            ["resource", "outcome"],
            registry=self.registry,
        )
        self.lists = Counter(
            "lens_lists",
            "Complete lists of a resource: one at the start, and one after a watch that could not "
            "be resumed.",
            ["resource"],
            registry=self.registry,
        )
        self.drift = Counter(
            "lens_list_drift",
            "Objects that differed between a list and the watch before it: changes that the watch "
            "had missed.",
            ["resource"],
            registry=self.registry,
        )
        self.skipped = Counter(
            "lens_objects_skipped",
            "Pods, nodes and other objects that could not be decoded, counted each time that they were read.",
            ["resource"],
            registry=self.registry,
        )
        self.skipped_now = Gauge(
            "lens_skipped_objects",
            "Pods, nodes and other objects that can't be decoded at present, at least in part.",
            ["resource"],
            registry=self.registry,
        )
        self.over_bound = Counter(
            "lens_over_bound",
            "Inputs and requests that were truncated, dropped or refused because they exceeded a "
            "bound, by what was bounded. docs/security.md lists the bounds.",
            ["what"],
            registry=self.registry,
        )
        self.kube_requests = Counter(
            "lens_kube_requests",
            "Requests that Lens sent to the apiserver, by outcome: the HTTP status, or error for no "
            "response.",
            ["outcome"],
            registry=self.registry,
        )
        self.cache_bytes = Gauge(
            "lens_cache_bytes",
            "Size of the cached responses: own (of this cluster), peers (of other clusters).",
            ["cache"],
            registry=self.registry,
        )
        self.cache_dropped = Counter(
            "lens_cache_dropped",
            "Cached responses that were dropped to make room before they expired: own (of this cluster), "
            "peers (of other clusters).",
            ["cache"],
            registry=self.registry,
        )
        self.streams = Gauge(
            "lens_streams",
            "Streams of server-sent events that clients have open now.",
            registry=self.registry,
        )
        self.reviews = Counter(
            "lens_reviews",
            "TokenReviews and SubjectAccessReviews of callers, by outcome: answered, failed, "
            "stood (no response: the last positive result was used), refused (too many wait), "
            "dropped (a cached result was evicted).",
            ["review", "outcome"],
            registry=self.registry,
        )
        self.owner_reads = Counter(
            "lens_owner_reads",
            "Reads of the objects that own GPU pods (Jobs, Deployments and so on), by outcome: read, or why"
            " not: forbidden, gone, unknown_kind, unreachable, unreadable, defect.",
            ["outcome"],
            registry=self.registry,
        )
        self.peer_requests = Counter(
            "lens_peer_requests",
            "Requests to the Lenses of other clusters (LENS_PEERS), by outcome: answered, refused, the kind"
            " of the failure, or paused and busy for those that were not sent.",
            ["peer", "outcome"],
            registry=self.registry,
        )
        self.job_failures = Counter(
            "lens_job_failures",
            JOB_FAILURES_HELP,
            ["job"],
            registry=self.registry,
        )
        self.job_cpu_seconds = Summary(
            "lens_job_cpu_seconds",
            "Seconds of CPU of a background job's rounds, and the number of rounds: publish "
            "(snapshots of the watch), monitor (alerts and events), targets (finding agents or "
            "exporters).",
            ["job"],
            registry=self.registry,
        )
        self.watcher_restarts = Counter(
            "lens_watcher_restarts",
            "Restarts of the thread that watches the cluster, which should run as long as the process.",
            registry=self.registry,
        )
        self.fit_checks = Counter(
            "lens_fit_checks",
            "Decisions of the scheduler about pending pods, compared with Lens': right, wrong, "
            "abstained (not comparable).",
            ["outcome"],
            registry=self.registry,
        )
        self.fit_abstentions = Counter(
            "lens_fit_abstentions",
            "Decisions of the scheduler that Lens did not compare with its own, by the reason.",
            ["reason"],
            registry=self.registry,
        )
        for outcome in ("right", "wrong", "abstained"):
            self.fit_checks.labels(outcome)
        self.telemetry_reads = Counter(
            "lens_telemetry_reads",
            "Attempts to read a node agent's or an exporter's report of GPUs, by source: agent, dcgm, amd.",
            ["source"],
            registry=self.registry,
        )
        self.telemetry_refusals = Counter(
            "lens_telemetry_refusals",
            "Reads of agents and exporters that failed (refused: connection refused, timeout, unreachable "
            "and so on), and reports that were rejected in whole or in part, by reason.",
            ["source", "reason"],
            registry=self.registry,
        )
        self.http_requests = Counter(
            "lens_http_requests",
            "Responses to HTTP requests, by route and HTTP status.",
            ["route", "status"],
            registry=self.registry,
        )
        self.http_seconds = Histogram(
            "lens_http_request_duration_seconds",
            "Seconds from an HTTP request's arrival until its response was sent.",
            ["route"],
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=self.registry,
        )

    def count_fit_checks(self, judged: Mapping[str, int]) -> None:
        """Add how many decisions were right or wrong, or why they aren't judged."""
        for outcome, number in judged.items():
            if outcome not in ("right", "wrong"):
                self.fit_abstentions.labels(outcome).inc(number)
                outcome = "abstained"
            self.fit_checks.labels(outcome).inc(number)

    def count_job_failures(self, job: str, failures: int) -> None:
        """Add failures of a background job."""
        self.job_failures.labels(job).inc(failures)

    @contextlib.contextmanager
    def round(self, job: str) -> Iterator[None]:
        """Add what this thread takes within as a round of a background job."""
        began = time.thread_time()
        try:
            yield
        finally:
            self.job_cpu_seconds.labels(job).observe(time.thread_time() - began)
