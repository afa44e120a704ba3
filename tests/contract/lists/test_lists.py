"""Lists of tasks, page by page: sorted, filtered, and without holes while pods come and go."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from lens.metrics import Metrics
from lens.model.gpu.node_report import Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from lens.model.inventory.objects.pod import Controller, Workload
from lens.model.inventory.owner_chains import NO_OWNER_CHAINS, OwnerChain
from tests.contract.conftest import NOW, TOKEN, Answer, Api, Serve, write_tokens
from tests.contract.kubernetes import Cluster, Manifest, node, pod

STARTS = ("2025-12-19T14:30:00Z", "2025-12-19T12:00:00Z", "2025-12-19T13:00:00Z", None)


def many(count: int = 20) -> list[Manifest]:
    """Return running pods whose names, nodes, starts and sizes are in no common order."""
    return [
        pod(
            f"task-{number * 7 % count:02}",
            f"n{number % 3}",
            gpus=1 + number % 4,
            namespace=f"team-{'ab'[number % 2]}",
            started=STARTS[number % 4],
        )
        for number in range(count)
    ]


async def walk(apis: list[Api], query: str, limit: int = 3) -> list[Any]:
    """Go through all pages, each asked of the next of the servers."""
    tasks: list[Any] = []
    following = ""
    for turn in range(100):
        data = (
            await apis[turn % len(apis)].tasks(f"&limit={limit}{query}{following}", Cache_Control="no-cache")
        ).data
        assert len(data["tasks"]) <= limit
        tasks += data["tasks"]
        if data["continue"] is None:
            return tasks
        following = f"&continue={data['continue']}"
    raise AssertionError("there is no end")


def names(tasks: list[Any]) -> list[str]:
    return [f"{task['namespace']}/{task['pod_name']}" for task in tasks]


@pytest.mark.parametrize("sort", ["name", "started_at", "allocated_gpus", "node"])
@pytest.mark.parametrize("query", ["", "&namespace=team-a", "&node=n1", "&namespace=team-b&node=n2"])
async def test_pages_add_up_to_the_whole_list_in_either_direction(
    api: Api, cluster: Cluster, sort: str, query: str
) -> None:
    cluster.add(*many())
    cluster.publish(NOW)
    whole = (await api.tasks(f"{query}&sort={sort}")).data
    assert whole["continue"] is None
    assert whole["total_tasks"] == len(whole["tasks"]) > 0
    field = {"name": "namespace", "node": "node_name"}.get(sort, sort)
    told = [task[field] for task in whole["tasks"] if task[field] is not None]
    assert told == sorted(told)
    assert names(await walk([api], f"{query}&sort={sort}")) == names(whole["tasks"])
    assert names(await walk([api], f"{query}&sort=-{sort}")) == names(whole["tasks"])[::-1]


async def test_the_total_counts_what_matches_and_not_the_page(api: Api, cluster: Cluster) -> None:
    cluster.add(*many())
    cluster.publish(NOW)
    data = (await api.tasks("&limit=4&namespace=team-a")).data
    assert (data["total_tasks"], len(data["tasks"])) == (10, 4)
    whole = (await api.tasks("&limit=20")).data
    assert (len(whole["tasks"]), whole["continue"]) == (20, None)


async def test_states_are_distinct(api: Api, cluster: Cluster) -> None:
    cluster.add(
        pod("running", "n1"),
        pod("starting", "n1", phase="Pending"),
        pod("lost", "n1", phase="Unknown"),
        pod("ending", "n1", terminating=True),
        pod("waiting", "", phase="Pending"),
    )
    cluster.publish(NOW)
    found = {
        state: [
            (task["pod_name"], task["phase"]) for task in (await api.tasks(f"&state={state}")).data["tasks"]
        ]
        for state in ("running", "starting", "terminating", "all")
    }
    assert found == {
        "running": [("ending", "Running"), ("running", "Running")],
        "starting": [("starting", "Pending")],
        "terminating": [("ending", "Running")],
        "all": [
            ("ending", "Running"),
            ("lost", "Unknown"),
            ("running", "Running"),
            ("starting", "Pending"),
        ],
    }


@pytest.mark.parametrize("sort", ["name", "-name", "-started_at", "node"])
async def test_nothing_comes_twice_or_is_missed_while_pods_come_and_go_on_two_replicas(
    serve: Serve, cluster: Cluster, sort: str
) -> None:
    lasting, passing = many(30), [pod(f"task-{number:02}x", f"n{number % 3}") for number in range(30)]
    cluster.add(*lasting)
    cluster.publish(NOW)
    apis = [await serve(), await serve()]
    tasks: list[Any] = []
    following = ""
    for turn in range(100):
        # By turns a third of the others is there.
        for number, each in enumerate(passing):
            each["status"]["phase"] = "Running" if number % 3 == turn % 3 else "Succeeded"
        cluster.add(*passing)
        cluster.publish(NOW + turn)
        data = (await apis[turn % 2].tasks(f"&sort={sort}&limit=4{following}", Cache_Control="no-cache")).data
        assert data["total_tasks"] == 40
        tasks += data["tasks"]
        if data["continue"] is None:
            break
        following = f"&continue={data['continue']}"
    else:
        raise AssertionError("there is no end")
    seen = names(tasks)
    assert len(set(seen)) == len(seen)
    assert {f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in lasting} <= set(seen)


async def test_a_row_follows_whatever_changes_in_it(api: Api, cluster: Cluster) -> None:
    cluster.add(pod("a", "n1"), pod("b", "n1"))
    cluster.publish(NOW)
    before = (await api.tasks()).data["tasks"]
    cluster.add(pod("a", "n1", gpus=3, terminating=True))
    cluster.publish(NOW + 10)
    a, b = (await api.tasks(Cache_Control="no-cache")).data["tasks"]
    assert (a["allocated_gpus"], a["terminating"], a["running_time_seconds"]) == (3, True, 3610)
    assert b == {**before[1], "running_time_seconds": 3610}


async def test_a_row_follows_what_is_learned_of_its_owner_and_its_gpus(api: Api, cluster: Cluster) -> None:
    cluster.add(pod("a", "n1", owner=("batch/v1", "Job", "train-1")), pod("b", "n1"))
    cluster.publish(NOW)
    a, b = (await api.tasks()).data["tasks"]
    assert (a["workload_name"], a["workload_reason"]) == ("train-1", "UNREAD")
    job = Controller("batch/v1", "Job", "ml-team", "train-1", "o")
    cluster.state.owner_chains = NO_OWNER_CHAINS.updated(
        {job: OwnerChain(Workload("CronJob", "train"), None)}
    )
    told, again = (await api.tasks(Cache_Control="no-cache")).data["tasks"]
    assert told == {**a, "workload_type": "CronJob", "workload_name": "train", "workload_reason": None}
    assert again == b
    telemetry = TelemetryCache(stale_after=30, unknown_after=60)
    gpu = GpuTelemetry(0, "GPU-0", NOW, Health(state="ok"), utilization_percent=70.0)
    holder = Holder("ml-team", "b", "main", "nvidia.com/gpu", "GPU-0", gpu_uuid="GPU-0")
    telemetry.put("n1", NodeTelemetry("n1", "agent", sampled_at=NOW, gpus=(gpu,), holders=(holder,)), NOW)
    cluster.state.telemetry = telemetry.snapshot()
    unchanged, busy = (await api.tasks(Cache_Control="no-cache")).data["tasks"]
    assert unchanged == {**told, "utilization_reason": "UNKNOWN_DEVICES"}
    assert (busy["utilization"], busy["gpu_uuids"]) == (70.0, ["GPU-0"])


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("&limit=0", "limit '0' is not a number from 1 to 5000"),
        ("&limit=5001", "limit '5001' is not a number from 1 to 5000"),
        ("&limit=-1", "limit '-1' is not a number from 1 to 5000"),
        ("&limit=", "limit '' is not a number from 1 to 5000"),
        ("&limit=%D9%A3", "limit '\\u0663' is not a number from 1 to 5000"),
        ("&limit=1&limit=1", "limit is given more than once"),
        ("&continue=YQ&continue=YQ", "continue is given more than once"),
        (
            "&continue_=YQ",
            "'continue_' is unknown; known: cluster, sort, limit, continue, format, namespace, state, node",
        ),
        ("&sort=utilization", "sort 'utilization' is not supported; supported: name, -name, started_at, "),
        ("&sort=--name", "sort '--name' is not supported; supported: name, "),
        ("&state=Running", "state 'Running' is not supported; supported: running, starting, terminating"),
        ("&node=a%00b", "node 'a\\x00b' is not a DNS name"),
        ("&node=n%C3%B6de", "node 'n\\xf6de' is not a DNS name"),
        ("&node=" + "a." * 150 + "a", "node '" + "a." * 32 + "' is not a DNS name"),
        ("&node=", "node '' is not a DNS name"),
    ],
)
async def test_a_list_that_can_not_be_is_refused(api: Api, query: str, problem: str) -> None:
    status, code, message = (await api.tasks(query)).error
    assert (status, code) == (400, 4000)
    assert message.startswith(f"Invalid parameter: {problem}")


def packed(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


QUERY = '["prod-cluster",null,"name","running",null]'


@pytest.mark.parametrize(
    "text",
    [
        *("x", "=", "YQ==", "%00", "%F0%9F%92%A5", "a b", "A" * 4097, "A" * 7000),
        packed("null"),
        packed("[]"),
        packed("[" * 2000),
        packed('{"query":[],"key":[]}'),
        packed(f"[{QUERY},[]]"),
        packed(f'[{QUERY},["a"]]'),
        packed(f'[{QUERY},["a","b","c"]]'),
        packed(f'[{QUERY},["a",1]]'),
        packed(f'[{QUERY},["a",null]]'),
        packed(f'[{QUERY},["a",["b"]]]'),
        packed(f'[{QUERY},["a","b"],1]'),
        packed(f'[{QUERY},["a","b"]]x'),
        urlsafe_b64encode(b"\xff" * 30).decode(),
    ],
)
async def test_a_continue_that_was_never_given_out_is_refused(api: Api, text: str) -> None:
    answer = await api.tasks(f"&continue={text}")
    assert answer.error == (400, 4000, "Invalid parameter: continue is not one that was given out")


@pytest.mark.parametrize(
    "query",
    ["&sort=-name", "&state=all", "&namespace=team-a", "&node=n1", "&node=n1&namespace=team-a"],
)
async def test_a_continue_from_another_query_is_refused(api: Api, cluster: Cluster, query: str) -> None:
    cluster.add(*many())
    cluster.publish(NOW)
    following = (await api.tasks("&limit=2")).data["continue"]
    answer = await api.tasks(f"{query}&limit=2&continue={following}")
    assert answer.error == (400, 4000, "Invalid parameter: continue is from another query")
    pending = await api.ask(
        f"/api/v1/realtime/pending-tasks?cluster=prod-cluster&limit=2&continue={following}"
    )
    assert pending.error == answer.error
    # The size of the page may be another.
    assert (await api.tasks(f"&limit=7&continue={following}")).status == 200


async def test_a_continue_whose_pod_is_gone_goes_on_where_it_was(api: Api, cluster: Cluster) -> None:
    cluster.add(*(pod(name, "n1") for name in ("a", "b", "c")))
    cluster.publish(NOW)
    following = (await api.tasks("&limit=2")).data["continue"]
    cluster.add(pod("b", "n1", phase="Failed"))
    cluster.publish(NOW + 1)
    data = (await api.tasks(f"&limit=2&continue={following}")).data
    assert (names(data["tasks"]), data["continue"]) == (["ml-team/c"], None)


async def test_a_continue_names_no_more_than_the_answer_does(api: Api, cluster: Cluster) -> None:
    cluster.add(*many())
    cluster.publish(NOW)
    data = (await api.tasks("&limit=1&sort=started_at")).data
    text = data["continue"]
    assert quote(text) == text
    told = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    task = data["tasks"][0]
    assert told == (
        f'[["prod-cluster","started_at",null,"running",null],'
        f'[1766145600,"{task["namespace"]}","{task["pod_name"]}"]]'
    )


async def test_only_so_many_long_lists_wait_to_be_made_and_few_of_one_caller(
    serve: Serve, cluster: Cluster, tokens_file: Path, metrics: Metrics
) -> None:
    write_tokens(tokens_file, grafana=TOKEN, other="other")
    for number in range(40):
        name = f"n{number}"
        cluster.add(node(name, 100), *(pod(f"{name}-{each}", name) for each in range(80)))
    cluster.publish(NOW)
    api = await serve(requests_burst=1000, cache_seconds=0)

    async def ask(limit: int, token: str = TOKEN) -> Answer:
        return await api.tasks(f"&limit={limit}", token=token)

    asking = [asyncio.create_task(ask(3200 - each)) for each in range(60)]
    others = asyncio.create_task(ask(501, "other"))
    answers = await asyncio.gather(*asking)
    assert (await others).status == 200
    refused = [answer for answer in answers if answer.status != 200]
    assert 0 < len(refused) < 60
    assert {(*answer.error, answer.headers["Retry-After"]) for answer in refused} == {
        (503, 5003, "Too many long lists are being waited for", "2")
    }
    counted = metrics.registry.get_sample_value("lens_over_bound_total", {"what": "lists"})
    assert counted == len(refused)
    assert (await ask(10)).status == 200
