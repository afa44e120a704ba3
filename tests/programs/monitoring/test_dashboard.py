"""The dashboard: whether each of its queries has an answer."""

import pytest

from tests.monitoring.files import Query, dashboard, queries
from tests.programs.monitoring.conftest import CLUSTERS, NODES, Demo
from tests.programs.monitoring.prometheus import Prometheus, until


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.name)
def test_each_query_has_data_with_and_without_honor_labels(query: Query, prometheus: Prometheus) -> None:
    for cluster in (*CLUSTERS, ".*"):
        prometheus.wait_for(query.of(cluster), query.name)


@pytest.mark.parametrize("variable", dashboard()["templating"]["list"][1:], ids=lambda each: each["name"])
def test_each_variable_has_values_to_choose_from(variable: dict[str, str], prometheus: Prometheus) -> None:
    asked = Query(variable["name"], variable["query"]["query"]).of(".*")  # type: ignore[index]
    series, _, label = asked.removeprefix("label_values(").removesuffix(")").rpartition(", ")
    until(lambda: bool(prometheus.get(f"label/{label}/values", **{"match[]": series})), "values")


def test_two_replicas_are_not_counted_twice(demo: Demo, prometheus: Prometheus) -> None:
    whole, states = (query for query in queries() if query.name in ("GPUs A", "GPUs by state A"))
    prometheus.wait_for('count(lens_build_info{cluster="kept"})', "both replicas", 2)
    prometheus.wait_for(whole.of("kept"), "the true number", 8 * NODES)
    prometheus.wait_for(f"sum({states.of('kept')})", "the true number", 8 * NODES)
    assert demo.status()["current_gpu_usage"]["total_gpus"] == 8 * NODES


def test_the_namespaces_that_hold_gpus_are_not_the_agents_own(prometheus: Prometheus) -> None:
    (held,) = (query for query in queries() if query.name == "GPUs by namespace A")

    def found(cluster: str) -> dict[str, float]:
        return {labels["namespace"]: gpus for labels, gpus in prometheus.query(held.of(cluster))}

    def agree() -> bool:
        kept = found("kept")
        return "ml-team" in kept and kept == found("renamed")

    until(agree, "the same with labels kept and renamed")
    assert "lens" not in found("renamed")
