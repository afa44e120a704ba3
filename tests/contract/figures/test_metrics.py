"""What Prometheus scrapes."""

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from lens import __version__
from lens.api.system.prometheus_metrics import PrometheusMetrics
from lens.metrics import Metrics
from tests import required
from tests.contract.conftest import NOW, Api, Clock, Serve
from tests.contract.filled import fill
from tests.contract.kubernetes import Cluster, node, pod


async def scrape(api: Api) -> dict[str, float]:
    """Return each sample's value by its name with its labels."""
    answer = await api.ask("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        sample.name
        + "".join(f"{{{name}={value}}}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


async def test_there_are_no_created_series(api: Api) -> None:
    await api.status()
    assert not [name for name in await scrape(api) if name.partition("{")[0].endswith("_created")]


async def test_the_snapshots_figures_are_those_of_the_status(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    cluster.add(
        node("gpu-0", healthy=7), node("gpu-1", cordoned=True), pod("a", "gpu-0", 2), pod("b", "gone", 3)
    )
    cluster.publish(NOW)
    clock.now = NOW + 7
    samples = await scrape(api)
    data = (await api.status()).data
    for state in ("allocated", "unhealthy", "unavailable", "available"):
        assert samples[f"lens_gpus{{state={state}}}"] == data["gpu_states"][state] > 0
    assert samples["lens_overcommitted_gpus"] == data["gpu_states"]["overcommitted"] == 3
    assert samples["lens_missing_nodes"] == data["gpu_states"]["missing_nodes"] == 1
    assert samples["lens_running_tasks"] == data["running_tasks"] == 2
    assert samples["lens_available_nodes"] == data["available_resources"]["available_nodes"] == 1
    assert samples["lens_max_contiguous_gpus"] == data["available_resources"]["max_contiguous_gpu"] == 5
    assert samples["lens_data_age_seconds"] == 7
    assert samples["lens_watch_age_seconds{resource=pods}"] == 7
    assert samples["lens_watch_age_seconds{resource=nodes}"] == 7
    assert samples["lens_nodes"] == 3
    assert samples["lens_synced"] == 1
    assert samples[f"lens_build_info{{version={__version__}}}"] == 1


async def test_resources_that_no_figure_has_are_named(api: Api, cluster: Cluster) -> None:
    cluster.publish(NOW, unseen={"resourceslices": "HTTP 403"})
    assert (await scrape(api))["lens_unseen{resource=resourceslices}"] == 1


async def test_products_and_nodes_by_use_are_those_of_the_status(api: Api, cluster: Cluster) -> None:
    cluster.add(
        node("gpu-0", product="H100"), node("gpu-1", cordoned=True), node("gpu-2"), pod("a", "gpu-0", 2)
    )
    cluster.publish(NOW)
    samples = await scrape(api)
    data = (await api.status()).data
    for row in data["products"]:
        product = row["product"] or ""
        for state in ("allocated", "unhealthy", "unavailable", "available"):
            assert samples[f"lens_product_gpus{{product={product}}}{{state={state}}}"] == row[state]
        assert samples[f"lens_product_max_contiguous_gpus{{product={product}}}"] == row["largest_block"]
    assert [row["product"] for row in data["products"]] == ["H100", None]
    for state in ("idle", "partly_used", "full", "closed"):
        assert samples[f"lens_gpu_nodes{{state={state}}}"] == data["gpu_nodes"][state]
    assert data["gpu_nodes"] == {"total": 3, "idle": 1, "partly_used": 1, "full": 0, "closed": 1}


async def test_pending_pods_and_listed_nodes_are_those_of_the_status(api: Api, cluster: Cluster) -> None:
    fill(cluster)
    samples = await scrape(api)
    data = (await api.status()).data
    names = ("lens_pending_pods", "lens_pending_gpus", "lens_pending_gated_pods")
    pending = data["pending"]
    assert [samples[name] for name in names] == [pending[name] for name in ("pods", "gpus", "gated_pods")]
    assert pending["pods"] > pending["gated_pods"] > 0
    for state, nodes in data["telemetry"]["nodes"].items():
        assert samples[f"lens_telemetry_nodes{{state={state}}}"] == nodes
    assert data["telemetry"]["nodes"]["ok"] == 1


async def test_each_namespaces_gpus_are_told_to_who_wants_it(serve: Serve, cluster: Cluster) -> None:
    def by_namespace(samples: dict[str, float]) -> dict[str, float]:
        found = {name: value for name, value in samples.items() if name.startswith("lens_allocated_gpus")}
        return {name[len("lens_allocated_gpus{namespace=") : -1]: value for name, value in found.items()}

    cluster.add(node("n1"), node("n2"))
    cluster.add(*(pod(f"p{number}", "n1", namespace=f"team-{number}") for number in range(4)))
    cluster.add(pod("big", "n2", 5, namespace="team-3"), pod("lie", "made-up", 8, namespace="team-0"))
    cluster.publish(NOW)
    assert by_namespace(await scrape(await serve())) == {}
    few, many = await serve(metrics_namespaces=2), await serve(metrics_namespaces=100)
    assert by_namespace(await scrape(few)) == {"team-3": 6, "team-0": 1, "_others": 2}
    samples = await scrape(many)
    assert by_namespace(samples) == {"team-0": 1, "team-1": 1, "team-2": 1, "team-3": 6}
    assert sum(by_namespace(samples).values()) == samples["lens_gpus{state=allocated}"]
    cluster.remove_pod("team-3", "big")
    cluster.remove_pod("team-1", "p1")
    cluster.publish(NOW)
    assert by_namespace(await scrape(many)) == {"team-0": 1, "team-2": 1, "team-3": 1}
    assert by_namespace(await scrape(few)) == {"team-0": 1, "team-2": 1, "_others": 1}


async def test_what_is_not_known_yet_is_absent_and_not_zero(serve: Serve, cluster: Cluster) -> None:
    cluster.add(node("gpu-0"))
    cluster.publish(NOW, synced=False)
    samples = await scrape(await serve())
    assert samples["lens_synced"] == 0
    assert not any(name.startswith(("lens_gpus", "lens_running", "lens_data_age")) for name in samples)


async def test_requests_are_counted_by_route_and_never_by_what_strangers_make_up(api: Api) -> None:
    await api.status()
    for number in range(5):
        await api.ask(f"/made/up/{number}", token="wrong")
    samples = await scrape(api)
    assert samples["lens_http_requests_total{route=/api/v1/realtime/status}{status=200}"] == 1
    assert samples["lens_http_requests_total{route=unknown}{status=404}"] == 5
    assert samples["lens_http_request_duration_seconds_count{route=/api/v1/realtime/status}"] == 1
    assert not any("made" in name for name in samples)


async def test_prometheus_own_check_finds_nothing_wrong(api: Api, cluster: Cluster) -> None:
    cluster.add(node("gpu-0"))
    cluster.publish(NOW)
    await api.status()
    body = (await api.ask("/metrics")).body
    check = await asyncio.create_subprocess_exec(
        required.program("promtool"),
        "check",
        "metrics",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await check.communicate(body)
    assert (check.returncode, output) == (0, b"")


def test_each_help_text_is_a_sentence_that_says_more_than_the_name() -> None:
    metrics, cluster = Metrics(), Cluster()
    fill(cluster)
    families = PrometheusMetrics(metrics.registry, cluster.state, lambda: NOW, namespaces=1, alerts=1)
    for family in families.collect():
        text = family.documentation
        assert text.endswith("."), family.name
        assert len(text.split()) > 3 or family.name.startswith("process_"), family.name
        # Who reads one text has no other at hand.
        assert not {"these", "those", "them"} & {text.partition(" ")[0].lower()}, family.name
