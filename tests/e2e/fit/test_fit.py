"""What Lens says of a pod before it exists is what the cluster's scheduler does with it."""

import asyncio
import contextlib
import os
from datetime import datetime
from pathlib import Path

from tests.e2e.cluster.api import Api
from tests.e2e.cluster.waiting import wait_until
from tests.e2e.fit import figures, scenario
from tests.e2e.lens import Lens
from tests.oracle import lens as oracle_cases

CASES = 300
ATTEMPTS = 6
SEED = int(os.environ.get("FIT_SEED", "1"))


async def test_the_scheduler_does_with_300_pods_what_fit_said_before(api: Api, lens: Lens) -> None:
    before = await scenario.decisions(lens)
    report = await scenario.run(api, lens, SEED, CASES)
    record = await scenario.fit_record(lens, before + report.complete)
    found = report.figures()
    figures.add({**found, "fit_record": record})
    print(f"\n  {report}, {found['fit_seconds']} s", end="")
    assert report.disagreements == []
    assert report.complete >= CASES
    assert found["fit_complete_share"] >= 0.95
    # As many of either answer as to matter.
    assert 0.2 < found["fit_yes_share"] < 0.8
    assert report.histograms >= 50
    assert report.readings >= 50
    # Lens itself has compared the same, and hardly ever had to leave it open.
    print(f"\n  record {record}", end="")
    assert record["wrong"] == 0
    assert record["right"] >= 0.9 * CASES


async def test_a_pod_that_is_bound_where_it_does_not_fit_is_told_as_wrong_with_a_case_file(
    api: Api, service_account: Path, tmp_path: Path
) -> None:
    # The record of the other tests' Lens has to stay without any.
    own = await asyncio.to_thread(Lens.start, service_account, tmp_path / "log")
    try:
        await own.wait_ready()
        await wait_until(lambda: _knows_the_past(own), "a record of 12 s", 60)
        nodes = [node["metadata"]["name"] for node in await api.nodes()]
        for attempt in range(ATTEMPTS):
            # Where the node changes at the time, as on a busy machine, the record leaves it open.
            await _push(api, f"pushed-{attempt}", nodes[attempt])
            with contextlib.suppress(TimeoutError):
                await wait_until(lambda: _is_wrong(own), "a wrong prediction", 20)
                break
        data = (await own.get("/api/v1/realtime/fit/record")).data
        assert data["cases"], await own.samples("lens_fit_checks_total")
        case = data["cases"][-1]
        print(f"\n  {case['namespace']}/{case['pod_name']}: {case['file']['differences']}", end="")
        assert (case["said"], case["node_name"]) == ("no", nodes[int(case["pod_name"].partition("-")[2])])
        ((answer, _),) = oracle_cases.answers(case["file"]["fleet"])
        assert answer["fits"] is False
    finally:
        assert await asyncio.to_thread(own.stop) == 0
        for pod in await api.list_all("/api/v1/namespaces/default/pods"):
            if pod["metadata"]["name"].startswith("pushed-"):
                await api.delete_pod("default", pod["metadata"]["name"], grace_seconds=0)


async def _push(api: Api, name: str, node: str) -> None:
    """Bind a pod to a node that it doesn't select, past the scheduler."""
    spec = {
        "nodeSelector": {"pool": "not-bought-yet"},
        "containers": [{"name": "main", "image": "none", "resources": {"limits": {"nvidia.com/gpu": "1"}}}],
    }
    metadata = {"name": name, "namespace": "default"}
    await api.create_pod({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    target = {"apiVersion": "v1", "kind": "Node", "name": node}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": target}
    await api.create(f"/api/v1/namespaces/default/pods/{name}/binding", binding)


async def _knows_the_past(lens: Lens) -> bool:
    status = await lens.status()
    since, now = status["fit_record"] and status["fit_record"]["since"], status["timestamp"]
    return since is not None and (_at(now) - _at(since)).total_seconds() >= 12


async def _is_wrong(lens: Lens) -> bool:
    wrong: int = (await lens.status())["fit_record"]["wrong"]
    return wrong > 0


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
