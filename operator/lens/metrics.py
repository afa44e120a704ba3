"""The Prometheus metrics of the process: its watches, its server and its jobs. The GPUs' are elsewhere."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from lens.supervisor import JOB_FAILURES_HELP

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
            "Lines of watches, by outcome: changed, unchanged, late, bookmark, error, unreadable.",
            ["resource", "outcome"],
            registry=self.registry,
        )
        self.lists = Counter(
            "lens_lists", "Complete lists of a resource.", ["resource"], registry=self.registry
        )
        self.drift = Counter(
            "lens_list_drift",
            "Differences between a relist and the watched state.",
            ["resource"],
            registry=self.registry,
        )
        self.skipped = Counter(
            "lens_objects_skipped",
            "Objects that could not be decoded, each time that they were read.",
            ["resource"],
            registry=self.registry,
        )
        self.skipped_now = Gauge(
            "lens_skipped_objects",
            "Objects that can't be decoded now, and are in no figure.",
            ["resource"],
            registry=self.registry,
        )
        self.over_bound = Counter(
            "lens_over_bound",
            "Inputs and requests beyond a bound, by bound.",
            ["what"],
            registry=self.registry,
        )
        self.kube_requests = Counter(
            "lens_kube_requests",
            "Requests to the apiserver, by outcome: the HTTP status, or error.",
            ["outcome"],
            registry=self.registry,
        )
        self.cache_bytes = Gauge(
            "lens_cache_bytes",
            "Size of the cached responses: own, peers.",
            ["cache"],
            registry=self.registry,
        )
        self.cache_dropped = Counter(
            "lens_cache_dropped",
            "Cached responses that were evicted before they expired: own, peers.",
            ["cache"],
            registry=self.registry,
        )
        self.streams = Gauge("lens_streams", "Open streams.", registry=self.registry)
        self.reviews = Counter(
            "lens_reviews",
            "TokenReviews and SubjectAccessReviews, by outcome.",
            ["review", "outcome"],
            registry=self.registry,
        )
        self.owner_reads = Counter(
            "lens_owner_reads",
            "Reads of GPU pods' owners, by outcome: read, or the reason of the failure.",
            ["outcome"],
            registry=self.registry,
        )
        self.peer_requests = Counter(
            "lens_peer_requests",
            "Requests to other clusters' Lenses, by outcome.",
            ["peer", "outcome"],
            registry=self.registry,
        )
        self.job_failures = Counter(
            "lens_job_failures",
            JOB_FAILURES_HELP,
            ["job"],
            registry=self.registry,
        )
        self.watcher_restarts = Counter(
            "lens_watcher_restarts",
            "Restarts of the watch thread.",
            registry=self.registry,
        )
        self.telemetry_reads = Counter(
            "lens_telemetry_reads",
            "Reads of agents and exporters.",
            ["source"],
            registry=self.registry,
        )
        self.telemetry_refusals = Counter(
            "lens_telemetry_refusals",
            "Rejected reads of agents and exporters, whole or in part, by reason.",
            ["source", "reason"],
            registry=self.registry,
        )
        self.http_requests = Counter(
            "lens_http_requests",
            "Responses, by route and status.",
            ["route", "status"],
            registry=self.registry,
        )
        self.http_seconds = Histogram(
            "lens_http_request_duration_seconds",
            "Seconds from a request to its response.",
            ["route"],
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=self.registry,
        )

    def count_job_failures(self, job: str, failures: int) -> None:
        """Add failures of a background job."""
        self.job_failures.labels(job).inc(failures)
