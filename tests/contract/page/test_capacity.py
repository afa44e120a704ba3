"""The right to capacity: what is free, and not one name of others' pods and namespaces."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest
from multidict import MultiDict

from lens.api.parameters.status import StatusParameters
from lens.api.parameters.stream import StreamParameters
from lens.api.stream.sse import StreamFilter
from lens.model.alerts.alert import Alert, AlertObject
from lens.model.cluster_state import AlertsAndEvents
from lens.model.events.transitions import Event
from lens.model.fit.admission.policies import Policies
from tests.contract.conftest import NOW, Answer, Api, Clock
from tests.contract.kubernetes import Cluster, Manifest, node, pod
from tests.contract.listening import listen
from tests.contract.peering import SERVICE, lens, peer, rights
from tests.unit.model import dra_manifests

ALL, FREE, TEAM, BOTH = "all", "free", "team", "both"
"""Tokens: of everything, of capacity alone, of a namespace, of capacity and a namespace."""

TOKENS = (
    rights(ALL, name="all"),
    rights(SERVICE, name="hub"),
    rights(FREE, "capacity: true", name="free"),
    rights(TEAM, "namespaces: [hush-team]", name="team"),
    rights(BOTH, "namespaces: [hush-team], capacity: true", name="both"),
)

REALTIME = "/api/v1/realtime"
STATUS = f"{REALTIME}/status?cluster=lab"
NODES = f"{REALTIME}/nodes?cluster=lab"
FIT = f"{REALTIME}/fit?cluster=lab"
STREAM = f"{REALTIME}/stream?cluster=lab"
SHOWN = [
    STATUS,
    f"{STATUS}&include=nodes",
    NODES,
    f"{NODES}&format=csv",
    f"{NODES}&limit=1&sort=-available_gpus",
    f"{FIT}&gpus=1",
    f"{FIT}&gpus=8&priority=100",
    f"{FIT}&gpus=99",
    "/api/v1/clusters",
    f"{REALTIME}/summary",
]
HIDDEN = [
    f"{STATUS}&include=alerts",
    f"{STATUS}&include=nodes,events",
    f"{REALTIME}/running-tasks?cluster=lab",
    f"{REALTIME}/running-tasks?cluster=lab&namespace=hush-team",
    f"{REALTIME}/pending-tasks?cluster=lab",
    f"{REALTIME}/pending-tasks?cluster=lab&namespace=hush-team",
    f"{REALTIME}/nodes/n1?cluster=lab",
    f"{REALTIME}/nodes/n9?cluster=lab",
    f"{STREAM}&include=status,tasks",
    f"{STREAM}&include=alerts",
    f"{STREAM}&namespace=hush-team",
    f"{REALTIME}/fit/record?cluster=lab",
    f"{STATUS}&include=namespaces",
    "/metrics",
]


def waiting(name: str, gpus: int) -> Manifest:
    made = pod(name, "", gpus, namespace="hush-team", phase="Pending", started=None)
    made["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "hush-why"}
    ]
    return made


def fill(cluster: Cluster) -> None:
    """File and publish a cluster in which every name that others gave begins with hush."""
    reserving = pod("hush-reservation", "n1", namespace="kai-resource-reservation")
    reserving["metadata"]["labels"] = {"runai-gpu-group": "hush-group"}
    sharing = pod("hush-half", "n1", namespace="hush-team")
    sharing["metadata"]["labels"] = {"runai-gpu-group": "hush-group"}
    sharing["metadata"]["annotations"] = {"gpu-fraction": "0.5"}
    sharing["spec"]["containers"][0]["resources"] = {}
    claiming = pod("hush-claiming", "node-1", resource="cpu", namespace="hush-team")
    claiming["spec"]["resourceClaims"] = [{"name": "gpus", "resourceClaimName": "hush-claim"}]
    taints = [{"key": "team", "value": "hush-team", "effect": "NoSchedule"}]
    cluster.add(
        node("n1", 8, product="NVIDIA-H100-80GB-HBM3"),
        node("n2", 8, taints=taints),
        node("n3", 4, cordoned=True),
        node("node-1", 0),
        dra_manifests.resource_slice(dra_manifests.gpu(0), dra_manifests.gpu(1)),
        dra_manifests.claim(
            dra_manifests.result("gpu-0"), name="hush-claim", namespace="hush-team", pods=["hush-claiming"]
        ),
        pod("hush-pod", "n1", 3, namespace="hush-team", owner=("batch/v1", "Job", "hush-job")),
        pod("hush-gone", "n7", 1, namespace="hush-team"),
        reserving,
        sharing,
        claiming,
        waiting("hush-waiting", 9),
    )
    cluster.publish(NOW, policies=Policies({"hush-team": {}}, {}, {}, {}, {}))
    cluster.state.alerts_and_events = AlertsAndEvents(
        NOW,
        (
            Alert(
                "GpusIdle:Pod/hush-team/hush-pod",
                "GpusIdle",
                "warning",
                "hush-team/hush-pod is idle",
                "Ask.",
                NOW - 5,
                "Pod/hush-team/hush-pod",
                AlertObject("n1", namespace="hush-team", pod="hush-pod"),
            ),
        ),
        (Event(NOW - 2, "TaskStarted", "Pod/hush-team/hush-pod", "hush-pod started", "hush-team"),),
    )


@pytest.fixture
async def api(tmp_path: Path, cluster: Cluster, clock: Clock) -> AsyncIterator[Api]:
    fill(cluster)
    async with lens("lab", tmp_path, cluster, clock, tokens=TOKENS) as lab:
        yield lab


@pytest.fixture
async def hub(tmp_path: Path, clock: Clock, api: Api) -> AsyncIterator[Api]:
    """Return a Lens that answers for lab, to which its own token opens everything."""
    own = Cluster()
    own.add(node("h1", 2))
    own.publish(NOW)
    async with lens("hub", tmp_path, own, clock, peers=[peer("lab", api.server.url)], tokens=TOKENS) as asked:
        yield asked


async def post(api: Api, manifest: Manifest, token: str, query: str = "") -> Answer:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            api.server.url + FIT + query,
            data=json.dumps(manifest),
            headers={"Authorization": f"Bearer {token}"},
        ) as response,
    ):
        return Answer(response, await response.read(), await response.json())


@pytest.mark.parametrize("path", SHOWN)
async def test_what_is_free_is_shown_without_a_name_that_others_gave(api: Api, path: str) -> None:
    answer = await api.ask(path, token=FREE)
    assert answer.status == 200
    assert b"hush" not in answer.body
    assert b"kai-resource" not in answer.body


@pytest.mark.parametrize("path", [f"{STATUS}&include=nodes", NODES, f"{FIT}&gpus=8&priority=100"])
async def test_these_names_are_there_for_who_may_see_everything(api: Api, path: str) -> None:
    assert b"hush" in (await api.ask(path, token=ALL)).body


@pytest.mark.parametrize("path", HIDDEN)
async def test_everything_else_is_refused(api: Api, path: str) -> None:
    answer = await api.ask(path, token=FREE)
    assert answer.error[:2] == (403, 4003)
    assert b"hush-pod" not in answer.body


async def test_the_figures_are_those_that_everybody_gets(api: Api) -> None:
    assert (await api.ask(STATUS, token=FREE)).data == (await api.ask(STATUS, token=ALL)).data
    free, everything = [(await api.ask(NODES, token=token)).data["nodes"] for token in (FREE, ALL)]
    for row, full in zip(free, everything, strict=True):
        assert row == {
            **{name: value for name, value in full.items() if name != "reservations"},
            "taints": ["team:NoSchedule"] if full["node_name"] == "n2" else full["taints"],
        }
    assert [row["available_gpus"] for row in free] == [4, 0, 0, 0, 1]


async def test_a_node_for_capacity_is_one_of_another_list_to_a_cache(api: Api) -> None:
    """Nobody gets what another was answered, whoever asks first, and no 304 for it either."""
    for path in (f"{STATUS}&include=nodes", NODES):
        for first, second in ((ALL, FREE), (FREE, ALL)):
            answer = await api.ask(path, token=first)
            again = await api.ask(path, token=second, If_None_Match=answer.headers["ETag"])
            assert (b"hush" in again.body) == (second == ALL)
            assert again.status == 200 or second == ALL


async def test_whoever_may_see_more_may_ask_for_the_view_of_capacity(api: Api) -> None:
    for path in (f"{STATUS}&include=nodes", NODES, f"{FIT}&gpus=8&priority=100"):
        shown = await api.ask(f"{path}&view=capacity", token=ALL)
        assert shown.data == (await api.ask(path, token=FREE)).data
    wrong = await api.ask(f"{STATUS}&include=alerts&view=capacity", token=ALL)
    assert wrong.error[0] == 400
    assert (await api.ask(f"{STATUS}&view=capacity", token=TEAM)).status == 403


async def test_a_team_with_a_right_to_capacity_sees_both(api: Api) -> None:
    tasks = await api.ask(f"{REALTIME}/running-tasks?cluster=lab&namespace=hush-team", token=BOTH)
    assert "hush-pod" in {task["pod_name"] for task in tasks.data["tasks"]}
    assert b"hush" not in (await api.ask(f"{STATUS}&include=nodes", token=BOTH)).body
    assert (await api.ask(f"{REALTIME}/running-tasks?cluster=lab", token=BOTH)).status == 403


async def test_a_team_without_it_sees_its_tasks_alone(api: Api) -> None:
    for path in SHOWN:
        assert (await api.ask(path, token=TEAM)).status == 403


async def test_fit_names_the_nodes_and_nothing_of_any_namespace(api: Api) -> None:
    data = (await api.ask(f"{FIT}&gpus=2", token=FREE)).data
    assert (data["fits"], data["complete"], data["quota"]) == ("yes", True, None)
    assert [each["node_name"] for each in data["pods"][0]["placements"]] == ["n1"]
    short = (await api.ask(f"{FIT}&gpus=8&priority=100", token=FREE)).data
    assert short["evictable"]["gpus"] > 0
    assert "namespaces" not in short["evictable"]


async def test_fit_in_a_namespace_looks_at_nothing_in_it(api: Api) -> None:
    data = (await api.ask(f"{FIT}&gpus=2&namespace=hush-team", token=FREE)).data
    assert (data["fits"], data["quota"], data["complete"]) == ("yes", None, False)
    assert "namespace" in data["not_checked"]
    # A namespace that isn't there gets the same answer as one that is.
    other = (await api.ask(f"{FIT}&gpus=2&namespace=hush-none", token=FREE)).data
    assert other == data


async def test_a_manifest_is_tried_without_its_namespace(api: Api) -> None:
    manifest = pod("asked", "", 2, namespace="hush-team")
    del manifest["spec"]["nodeName"]
    answers = [await post(api, manifest, FREE), await post(api, manifest, FREE, "&namespace=hush-team")]
    for answer in answers:
        assert (answer.data["fits"], answer.data["complete"]) == ("yes", False)
        assert "namespace" in answer.data["not_checked"]
        assert b"hush" not in answer.body
    manifest["metadata"]["namespace"] = "hush-none"
    assert (await post(api, manifest, FREE)).data == answers[0].data
    assert "not found" in json.dumps((await post(api, manifest, ALL)).data)


async def test_a_team_sees_the_nodes_of_its_own_question_with_a_right_to_capacity(api: Api) -> None:
    path = f"{FIT}&gpus=2&namespace=hush-team"
    team, both = [(await api.ask(path, token=token)).data for token in (TEAM, BOTH)]
    assert "placements" not in team["pods"][0]
    assert [each["node_name"] for each in both["pods"][0]["placements"]] == ["n1"]
    assert "namespace" not in both["not_checked"]


def hold_no_nodes_gpus(cluster: Cluster) -> None:
    """Let claims of two namespaces hold GPUs of no node: one of each, and one that they share."""
    taint = {"key": "team", "value": "hush-others", "effect": "NoSchedule"}
    shared = dra_manifests.gpu(2) | {"allowMultipleAllocations": True, "taints": [taint]}
    cluster.add(
        dra_manifests.resource_slice(
            dra_manifests.gpu(0),
            dra_manifests.gpu(1),
            shared,
            name="fabric",
            pool="fabric",
            node=None,
            allNodes=True,
        ),
        *(
            dra_manifests.claim(
                dra_manifests.result(f"gpu-{index}", pool="fabric"),
                dra_manifests.result("gpu-2", pool="fabric", shareID=f"share-{index}"),
                name=f"claim-{index}",
                namespace=namespace,
            )
            for index, namespace in enumerate(("hush-team", "hush-others"))
        ),
    )
    cluster.publish(NOW)


async def claims_of_no_node(api: Api, token: str, query: str = "") -> list[tuple[str, list[str]]]:
    """Return the names of the GPUs of no node that are held, each with its claims."""
    answer = await api.ask(f"{STATUS}&include=no_node{query}", token=token)
    return [
        (gpu["name"], [claim["resource_claim"] for device in gpu["devices"] for claim in device["claims"]])
        for gpu in answer.data["no_node_gpus"]
    ]


@pytest.mark.parametrize("through_hub", [False, True])
async def test_a_team_sees_which_gpus_of_no_node_its_own_claims_hold(
    api: Api, hub: Api, cluster: Cluster, *, through_hub: bool
) -> None:
    asked = hub if through_hub else api
    hold_no_nodes_gpus(cluster)
    everything = [("gpu-0", ["claim-0"]), ("gpu-1", ["claim-1"]), ("gpu-2", ["claim-1", "claim-0"])]
    own = [("gpu-0", ["claim-0"]), ("gpu-2", ["claim-0"])]
    assert await claims_of_no_node(asked, ALL) == everything
    assert await claims_of_no_node(asked, BOTH, "&namespace=hush-team") == own
    assert await claims_of_no_node(asked, ALL, "&namespace=hush-team") == own
    assert await claims_of_no_node(asked, ALL) == everything
    answer = await asked.ask(f"{STATUS}&include=nodes,no_node&namespace=hush-team", token=BOTH)
    assert b"hush-others" not in answer.body
    assert answer.data["no_node_gpus"][-1]["devices"][0]["taints"] == ["team:NoSchedule"]
    for token, query in (
        (BOTH, ""),
        (BOTH, "&namespace=hush-others"),
        (FREE, ""),
        (FREE, "&namespace=hush-team"),
        (TEAM, "&namespace=hush-team"),
    ):
        refused = await asked.ask(f"{STATUS}&include=no_node{query}", token=token)
        assert (refused.status, b"claim-" in refused.body) == (403, False), (token, query)


async def test_the_view_of_capacity_names_holders_of_one_namespace_alone(api: Api) -> None:
    refused = await api.ask(f"{STATUS}&include=no_node&view=capacity", token=ALL)
    assert refused.error == (
        400,
        4000,
        "Invalid parameter: include: no_node needs a namespace in view=capacity",
    )


async def test_a_stream_has_the_figures_and_nodes_and_their_changes(api: Api, cluster: Cluster) -> None:
    async with listen(api, token=FREE, path=STREAM) as stream:
        first = await stream.next()
        assert first.data.keys() >= {"cluster", "timestamp", "status", "nodes"}
        assert {"tasks", "alerts", "recent_events"}.isdisjoint(first.data)
        assert "hush" not in json.dumps(first.data)
        cluster.add(pod("hush-more", "n1", 2, namespace="hush-team"), pod("hush-last", "n2", 2))
        cluster.publish(NOW)
        change = await stream.next()
        rows = {row["node_name"]: row for row in change.data["nodes"]["changed"]}
        assert rows["n1"]["available_gpus"] == 2
        assert rows["n2"]["taints"] == ["team:NoSchedule"]
        assert "tasks" not in change.data
        assert "hush" not in json.dumps(change.data)


async def test_streams_of_who_sees_more_are_not_cut_by_it(api: Api, cluster: Cluster) -> None:
    async with (
        listen(api, token=FREE, path=STREAM) as free,
        listen(api, token=ALL, path=STREAM) as everything,
    ):
        await free.next()
        assert "hush" in json.dumps((await everything.next()).data["nodes"])
        cluster.add(pod("hush-more", "n2", 2, namespace="hush-team"))
        cluster.publish(NOW)
        assert "hush" not in json.dumps((await free.next()).data)
        assert "team=hush-team:NoSchedule" in json.dumps((await everything.next()).data["nodes"])


async def test_a_namespaces_stream_has_the_figures_too_where_they_are_asked_for(api: Api) -> None:
    sections = "&namespace=hush-team&include=status,nodes,tasks"
    async with listen(api, sections, token=BOTH, path=STREAM) as stream:
        first = (await stream.next()).data
    assert {task["namespace"] for task in first["tasks"]} == {"hush-team"}
    assert "hush" not in json.dumps([first["status"], first["nodes"]])
    async with listen(api, sections, token=TEAM, path=STREAM) as stream:
        first = (await stream.next()).data
    assert first["tasks"]
    assert {"status", "nodes"}.isdisjoint(first)
    async with listen(api, "&namespace=hush-team", token=BOTH, path=STREAM) as stream:
        assert {"status", "nodes"}.isdisjoint((await stream.next()).data)


@pytest.mark.parametrize("sections", ["status", "status,nodes", "alerts"])
async def test_a_namespaces_stream_of_nothing_that_is_seen_is_refused(
    hub: Api, api: Api, sections: str
) -> None:
    """Of another cluster too, whose Lens would take an empty include for all."""
    for asked in (api, hub):
        answer = await asked.ask(f"{STREAM}&namespace=hush-team&include={sections}", token=TEAM)
        assert answer.error[:2] == (403, 4003)
        assert b"hush-pod" not in answer.body


async def test_rights_in_different_namespaces_share_one_answer(api: Api) -> None:
    """With many teams, each asking for its own namespace, it's made once."""
    first = await api.ask(f"{STATUS}&include=nodes&namespace=a", token=FREE)
    other = await api.ask(f"{STATUS}&include=nodes&namespace=b", token=BOTH)
    assert first.data == other.data
    asked = [StatusParameters.parse(MultiDict(cluster="lab", namespace=name), {}) for name in "ab"]
    assert asked[0].values == asked[1].values
    # The next page of a list has to name it, so that isn't the same.
    first, other = [
        await api.ask(f"{NODES}&limit=1&format=csv&namespace={name}", token=FREE) for name in "ab"
    ]
    assert "namespace=a" in first.headers["Link"]
    assert "namespace=b" in other.headers["Link"]


def test_streams_that_show_the_same_share_their_events() -> None:
    def of(query: str) -> StreamFilter:
        params = StreamParameters.parse(MultiDict(parse_qsl(f"cluster=lab&{query}")), {})
        return StreamFilter.from_params(params)

    assert of("include=status,nodes&namespace=a") == of("include=nodes,status&namespace=b")
    assert of("include=status&view=capacity") == of("include=status")
    assert of("include=nodes&view=capacity") != of("include=nodes")
    assert of("include=nodes,tasks&namespace=a") != of("include=nodes,tasks&namespace=b")


SAMPLES: list[tuple[str, Any]] = [(path, token) for path in SHOWN[:8] for token in (FREE, BOTH)]


@pytest.mark.parametrize(("path", "token"), SAMPLES)
async def test_a_hub_shows_no_more_of_other_clusters_than_their_own_lens(
    hub: Api, api: Api, path: str, token: str
) -> None:
    """The hub's own token opens everything of lab to the hub."""
    answer = await hub.ask(path, token=token)
    assert answer.status == 200
    assert b"hush" not in answer.body
    if answer.document is not None:
        assert answer.data == (await api.ask(path, token=token)).data
    assert b"hush" in (await hub.ask(NODES, token=ALL)).body


@pytest.mark.parametrize("path", HIDDEN[:-1])
async def test_a_hub_refuses_of_other_clusters_what_it_refuses_of_its_own(hub: Api, path: str) -> None:
    assert (await hub.ask(path, token=FREE)).status == 403


async def test_a_hub_passes_on_a_stream_without_names(hub: Api, cluster: Cluster) -> None:
    async with listen(hub, token=FREE, path=STREAM) as stream:
        first = await stream.next()
        assert {row["node_name"] for row in first.data["nodes"]} >= {"n1", "n2"}
        assert "hush" not in json.dumps(first.data)
        cluster.add(pod("hush-more", "n2", 2, namespace="hush-team"))
        cluster.publish(NOW)
        change = await stream.next()
        assert change.data["nodes"]["changed"]
        assert "hush" not in json.dumps(change.data)


async def test_the_summary_of_a_hub_adds_up_the_same(hub: Api) -> None:
    for path in ("/api/v1/clusters", f"{REALTIME}/summary"):
        free, everything = (await hub.ask(path, token=FREE)).data, (await hub.ask(path, token=ALL)).data
        ages = {"age_seconds"}
        strip = [{k: v for k, v in each.items() if k not in ages} for each in free["clusters"]]
        assert strip == [{k: v for k, v in each.items() if k not in ages} for each in everything["clusters"]]


async def test_a_token_of_some_endpoints_has_its_right_to_capacity_at_these(
    tmp_path: Path, cluster: Cluster, clock: Clock
) -> None:
    fill(cluster)
    limited = rights("limited", f"capacity: true, paths: [{REALTIME}/status]", name="limited")
    async with lens("lab", tmp_path, cluster, clock, tokens=(limited,)) as api:
        assert (await api.ask(STATUS, token="limited")).status == 200
        assert (await api.ask(NODES, token="limited")).status == 403


def near(kind: str, namespace: str | None, label: str) -> Manifest:
    """Return a pod that has to be near pods with a label, or away from them."""
    made = pod("asked", "", 1, namespace="hush-team", labels={"app": "own"})
    del made["spec"]["nodeName"]
    term: Manifest = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"app": label}},
    }
    if namespace is not None:
        term["namespaces"] = [namespace]
    made["spec"]["affinity"] = {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return made


async def hosts(cluster: Cluster) -> None:
    """Have a node of each of the hostnames, and one of others' pods on n3 that can be chosen by its label."""
    names = {"kubernetes.io/hostname": "n1"}, {"kubernetes.io/hostname": "n5"}
    cluster.add(node("n1", 8, labels=names[0]), node("n5", 8, labels=names[1]))
    cluster.add(pod("hush-near", "n5", 1, namespace="hush-other", labels={"app": "secret"}))
    cluster.publish(NOW, policies=Policies({"hush-team": {}, "hush-other": {}}, {}, {}, {}, {}))


@pytest.mark.parametrize("kind", ["podAffinity", "podAntiAffinity"])
async def test_where_others_pods_are_cannot_be_found_out_by_affinity(
    api: Api, cluster: Cluster, kind: str
) -> None:
    await hosts(cluster)
    answers = [
        (await post(api, near(kind, "hush-other", label), FREE)).data for label in ("secret", "nothing")
    ]
    assert answers[0] == answers[1]
    everything = [
        (await post(api, near(kind, "hush-other", label), ALL)).data for label in ("secret", "nothing")
    ]
    assert everything[0]["pods"] != everything[1]["pods"]
    for token in (BOTH, TEAM):
        own = [
            (await post(api, near(kind, namespace, label), token, "&namespace=hush-team")).data
            for namespace, label in (
                ("hush-other", "secret"),
                ("hush-other", "nothing"),
                ("hush-no", "secret"),
            )
        ]
        assert own[0] == own[1] == own[2]
        assert (own[0]["complete"], "namespaces" in own[0]["not_checked"]) == (False, True)
    own = (await post(api, near(kind, None, "own"), BOTH, "&namespace=hush-team")).data
    assert own["pods"][0]["placements"]


async def test_pods_keep_their_affinity_to_one_another(api: Api, cluster: Cluster) -> None:
    await hosts(cluster)
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "asked", "namespace": "hush-team"},
        "spec": {"parallelism": 3, "template": near("podAntiAffinity", None, "own")},
    }
    data = (await post(api, job, FREE)).data
    # One on each node that has a hostname.
    assert sorted(each["node_name"] for each in data["pods"][0]["placements"]) == ["n1", "n5"]
