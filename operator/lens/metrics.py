"""The process's own Prometheus metrics: how the watch and the server are doing, not what the GPUs are."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from lens.supervisor import JOB_FAILURES_HELP


class Metrics:
    """All instruments, on a registry of their own."""

    def __init__(self) -> None:
        """Make the instruments."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.watch_lines = Counter(
            "lens_watch_lines",
            "Lines read from watches, by what came of them: changed, unchanged, late, bookmark, error.",
            ["resource", "outcome"],
            registry=self.registry,
        )
        self.lists = Counter(
            "lens_lists", "Lists that were read to their end.", ["resource"], registry=self.registry
        )
        self.drift = Counter(
            "lens_list_drift",
            "Objects that a list showed otherwise than the watch had told.",
            ["resource"],
            registry=self.registry,
        )
        self.skipped = Counter(
            "lens_objects_skipped",
            "Readings of objects that could not be counted.",
            ["resource"],
            registry=self.registry,
        )
        self.skipped_now = Gauge(
            "lens_skipped_objects",
            "Objects that exist and can't be counted.",
            ["resource"],
            registry=self.registry,
        )
        self.over_bound = Counter(
            "lens_over_bound",
            "What others sent or asked for that was more than Lens takes, by what it was.",
            ["what"],
            registry=self.registry,
        )
        self.kube_requests = Counter(
            "lens_kube_requests",
            "Requests to the apiserver by their outcome: the HTTP status, or error.",
            ["outcome"],
            registry=self.registry,
        )
        self.cache_bytes = Gauge(
            "lens_cache_bytes",
            "What the kept answers take: own, peers.",
            ["cache"],
            registry=self.registry,
        )
        self.cache_dropped = Counter(
            "lens_cache_dropped",
            "Kept answers that had to make room before their time: own, peers.",
            ["cache"],
            registry=self.registry,
        )
        self.streams = Gauge("lens_streams", "Streams that are open.", registry=self.registry)
        self.reviews = Counter(
            "lens_reviews",
            "Reviews of tokens and of access that were asked of the apiserver, by what came of them.",
            ["review", "outcome"],
            registry=self.registry,
        )
        self.owner_reads = Counter(
            "lens_owner_reads",
            "Readings of GPU pods' owners, by what came of them: read, or why not.",
            ["outcome"],
            registry=self.registry,
        )
        self.peer_requests = Counter(
            "lens_peer_requests",
            "Requests to other clusters' Lenses, by what came of them.",
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
            "Times that the watching thread was started anew.",
            registry=self.registry,
        )
        self.telemetry_reads = Counter(
            "lens_telemetry_reads",
            "Readings of agents and exporters.",
            ["source"],
            registry=self.registry,
        )
        self.telemetry_refusals = Counter(
            "lens_telemetry_refusals",
            "Readings, or parts of them, that were not believed, by reason.",
            ["source", "reason"],
            registry=self.registry,
        )
        self.http_requests = Counter(
            "lens_http_requests",
            "Requests answered, by route and status.",
            ["route", "status"],
            registry=self.registry,
        )
        self.http_seconds = Histogram(
            "lens_http_request_seconds",
            "Time to answer.",
            ["route"],
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=self.registry,
        )

    def count_job_failures(self, job: str, failures: int) -> None:
        """Add failures of a background job."""
        self.job_failures.labels(job).inc(failures)
