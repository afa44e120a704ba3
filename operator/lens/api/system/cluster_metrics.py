"""The metrics of the cluster: the figures of a snapshot, and their age."""

from collections.abc import Iterator, Mapping

import msgspec
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from lens import __version__
from lens.api.system.alert_metrics import alerts_by_type
from lens.model.cluster_state import StateView
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.snapshot import Snapshot


def snapshot_families(current: StateView, now: float) -> Iterator[Metric]:
    """Return the snapshot's metric families. Unknown figures have no samples."""
    yield InfoMetricFamily("lens_build", "The version of Lens.", value={"version": __version__})
    yield GaugeMetricFamily(
        "lens_synced",
        "1 once all pods and nodes have been listed; 0 before, while there are no figures.",
        value=current.synced,
    )
    watch_age = GaugeMetricFamily(
        "lens_watch_age_seconds",
        "Seconds since the apiserver last sent anything on a resource's watch. It stays below 30 while all "
        "is well.",
        labels=["resource"],
    )
    for resource, contact in sorted(current.contacts.items()):
        watch_age.add_metric([resource], max(0.0, now - contact))
    yield watch_age
    unseen = GaugeMetricFamily(
        "lens_unseen", "1 for a resource that Lens can't read, and that is in no figure.", labels=["resource"]
    )
    for resource in sorted(current.unseen):
        unseen.add_metric([resource], 1)
    yield unseen
    if not current.synced:
        return
    snapshot, states = current.snapshot, current.snapshot.states
    gpus = GaugeMetricFamily(
        "lens_gpus",
        "GPUs by state, which add up to all GPUs: allocated; else unhealthy; else unavailable "
        "(their node takes no GPU pods); else available.",
        labels=["state"],
    )
    gpus.add_metric(["allocated"], states.allocated)
    gpus.add_metric(["unhealthy"], states.unhealthy)
    gpus.add_metric(["unavailable"], states.unavailable)
    gpus.add_metric(["available"], states.available)
    yield gpus
    yield from _products(snapshot)
    yield from _claimable(snapshot)
    if current.alerts_and_events.at is not None:
        yield alerts_by_type(current.alerts_and_events.alerts)
    telemetry = current.telemetry
    totals = telemetry.totals(snapshot.exporter_nodes)
    if telemetry.complete:
        yield GaugeMetricFamily(
            "lens_reporting_gpus",
            "GPUs whose utilization an agent or exporter reports.",
            value=totals.reporting,
        )
        yield GaugeMetricFamily(
            "lens_utilized_gpus", "GPUs that report a utilization above 50 %.", value=totals.utilized
        )
    nodes = GaugeMetricFamily(
        "lens_telemetry_nodes",
        "Nodes that should have an agent or exporter, by the age of its last report: ok, stale, unknown.",
        labels=["state"],
    )
    nodes.add_metric(["ok"], totals.ok_nodes)
    nodes.add_metric(["stale"], totals.stale_nodes)
    nodes.add_metric(["unknown"], totals.unknown_nodes)
    yield nodes
    if telemetry.complete and (utilization := telemetry.utilization_percent) is not None:
        yield GaugeMetricFamily(
            "lens_utilization_ratio",
            "Mean utilization of the GPUs that report it, from 0 to 1.",
            value=utilization / 100,
        )
    demand = snapshot.demand
    for name, documentation, value in (
        (
            "lens_nodes",
            "Nodes with GPUs, and nodes that have lost theirs or are gone while pods are still bound to "
            "them.",
            len(snapshot.nodes),
        ),
        ("lens_pending_pods", "Pods that request GPUs and aren't bound to a node yet.", demand.pods),
        (
            "lens_pending_gated_pods",
            "Pending GPU pods that have scheduling gates: the scheduler ignores them until these are "
            "removed.",
            demand.gated_pods,
        ),
        (
            "lens_pending_gpus",
            "GPUs, or units of shared GPUs, that pods request which aren't bound to a node yet.",
            demand.gpus,
        ),
        (
            "lens_overcommitted_gpus",
            "GPUs that bound pods request beyond the GPUs that their nodes have; they are in no "
            "state of lens_gpus.",
            snapshot.overcommitted,
        ),
        (
            "lens_missing_nodes",
            "Nodes to which GPU pods are bound, and which don't exist or have no GPUs.",
            snapshot.missing_nodes,
        ),
        ("lens_running_tasks", "Pods in phase Running that hold at least one GPU.", snapshot.running_tasks),
        ("lens_available_nodes", "Nodes with at least one available GPU.", snapshot.available_nodes),
        (
            "lens_max_contiguous_gpus",
            "The most GPUs that are available on one node.",
            snapshot.max_contiguous,
        ),
        (
            "lens_data_age_seconds",
            "Seconds since the figures were last known to be current; it grows while the apiserver is gone.",
            current.age(now),
        ),
    ):
        yield GaugeMetricFamily(name, documentation, value=value)


def _products(snapshot: Snapshot) -> Iterator[Metric]:
    """Return the GPUs by product and the nodes by use. The product is empty for GPUs without a shown one."""
    gpus = GaugeMetricFamily(
        "lens_product_gpus",
        "GPUs by product and state; product is empty for unknown products and those beyond the first 32.",
        labels=["product", "state"],
    )
    blocks = GaugeMetricFamily(
        "lens_product_max_contiguous_gpus",
        "The most available GPUs of a product on one node.",
        labels=["product"],
    )
    states: dict[str, GpuStates] = {}
    largest: dict[str, int] = {}
    for each in snapshot.products:
        product = each.product or ""
        states[product] = states.get(product, GpuStates()) + each.states
        largest[product] = max(largest.get(product, 0), each.largest_block)
    for product, numbers in states.items():
        for state, number in msgspec.structs.asdict(numbers).items():
            gpus.add_metric([product, state], number)
        blocks.add_metric([product], largest[product])
    yield gpus
    yield blocks
    nodes = GaugeMetricFamily(
        "lens_gpu_nodes", "Nodes with GPUs by their use; the states add up to all of them.", labels=["state"]
    )
    for state, number in msgspec.structs.asdict(snapshot.gpu_nodes).items():
        nodes.add_metric([state], number)
    yield nodes


def _claimable(snapshot: Snapshot) -> Iterator[Metric]:
    """Return the metrics of GPUs that claims hold."""
    if snapshot.known_unknown_gpus is not None:
        yield GaugeMetricFamily(
            "lens_unknown_gpus",
            "Unheld GPUs of DRA pools that can't be counted; they are in no state of lens_gpus. "
            "It is absent while ResourceSlices are missing that say how many there are.",
            value=snapshot.known_unknown_gpus,
        )
    unattached = GaugeMetricFamily(
        "lens_no_node_gpus",
        "GPUs by state that belong to no single node; lens_gpus has them, too.",
        labels=["state"],
    )
    for state, number in msgspec.structs.asdict(snapshot.unattached.states).items():
        unattached.add_metric([state], number)
    yield unattached
    for name, documentation, value in (
        (
            "lens_held_without_pod_gpus",
            "Allocated GPUs that ResourceClaims, or reservation pods of KAI-Scheduler, hold for no pod.",
            snapshot.held_without_pod,
        ),
        (
            "lens_problem_pools",
            "Pools of DRA devices that can't be counted as a whole.",
            snapshot.problems.pools_number,
        ),
        (
            "lens_both_ways_nodes",
            "Nodes whose GPUs a device plugin and a DRA driver offer.",
            len(snapshot.both_ways),
        ),
    ):
        yield GaugeMetricFamily(name, documentation, value=value)


def allocated_gpus(gpus: Mapping[str, int]) -> Metric:
    """Return the allocated GPUs by namespace."""
    family = GaugeMetricFamily(
        "lens_allocated_gpus",
        "Allocated GPUs by the namespace of the pods or claims that hold them. A GPU that namespaces share "
        "counts for each. The namespaces beyond LENS_METRICS_NAMESPACES are added up as _others.",
        labels=["namespace"],
    )
    for namespace, number in sorted(gpus.items()):
        family.add_metric([namespace], number)
    return family
