"""The list of nodes: pages, order and filters as those of tasks, and the rows of the status."""

import csv
import io

import pytest

from tests.contract.conftest import NOW, Answer, Api
from tests.contract.kubernetes import Cluster, Manifest, node, pod

NODES = "/api/v1/realtime/nodes?cluster=prod-cluster"


def many() -> list[Manifest]:
    """Return nodes of two products, some in use, one missing, one cordoned, one not ready."""
    return [
        *(
            node(f"n{number:02}", 1 + number % 8, product=("H100", "A100")[number % 2], ready=number != 5)
            for number in range(20)
        ),
        node("closed", 8, cordoned=True, product="H100"),
        node("unknown", 3),
        *(pod(f"p{number}", f"n{number:02}", gpus=1) for number in range(0, 20, 3)),
        pod("lost", "gone", gpus=2),
    ]


async def ask(api: Api, query: str = "", **headers: str) -> Answer:
    return await api.ask(f"{NODES}{query}", **headers)


async def test_it_has_the_rows_of_the_status(api: Api, cluster: Cluster) -> None:
    cluster.add(*many())
    cluster.publish(NOW)
    data = (await ask(api)).data
    assert data["nodes"] == (await api.status("&include=nodes")).data["nodes"]
    assert (data["cluster"], data["timestamp"]) == ("prod-cluster", "2025-12-19T15:30:00Z")
    assert (data["total_nodes"], data["continue"]) == (23, None)


@pytest.mark.parametrize("sort", ["name", "available_gpus", "allocated_gpus", "total_gpus"])
@pytest.mark.parametrize("query", ["", "&product=H100", "&available_min=2&status=Ready"])
async def test_pages_add_up_to_the_whole_list_in_either_direction(
    api: Api, cluster: Cluster, sort: str, query: str
) -> None:
    cluster.add(*many())
    cluster.publish(NOW)
    whole = (await ask(api, f"{query}&sort={sort}")).data
    names = [row["node_name"] for row in whole["nodes"]]
    assert whole["total_nodes"] == len(names) > 3
    values = [row["node_name" if sort == "name" else sort] for row in whole["nodes"]]
    assert values == sorted(values)
    for order in (sort, f"-{sort}"):
        found: list[str] = []
        following = ""
        while True:
            page = (await ask(api, f"{query}&sort={order}&limit=4{following}")).data
            assert page["total_nodes"] == len(names)
            found += [row["node_name"] for row in page["nodes"]]
            if page["continue"] is None:
                break
            following = f"&continue={page['continue']}"
        assert found == (names if order == sort else names[::-1])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("&available_min=8", ["n07"]),
        ("&available_min=8&product=A100", ["n07"]),
        ("&available_min=8&product=H100", []),
        ("&product=H100&available_min=7", ["n14"]),
        ("&product=no-such", []),
        ("&status=NotReady", ["n05"]),
        ("&status=Missing", ["gone"]),
        ("&status=Missing&available_min=1", []),
    ],
)
async def test_it_has_only_what_is_asked_for(
    api: Api, cluster: Cluster, query: str, names: list[str]
) -> None:
    cluster.add(*many())
    cluster.publish(NOW)
    data = (await ask(api, query)).data
    assert [row["node_name"] for row in data["nodes"]] == names
    assert data["total_nodes"] == len(names)


async def test_of_a_node_of_two_vendors_only_the_asked_product_counts(api: Api, cluster: Cluster) -> None:
    both = node("both", 2, product="H100", labels={"amd.com/gpu.product-name": "MI300X"})
    for field in ("capacity", "allocatable"):
        both["status"][field]["amd.com/gpu"] = "6"
    cluster.add(both)
    cluster.publish(NOW)
    for query, number in (("&available_min=8", 1), ("&product=H100&available_min=3", 0)):
        assert (await ask(api, query)).data["total_nodes"] == number


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("&available_min=-1", "available_min -1 is not a number of GPUs"),
        ("&available_min=1.5", "available_min 1.5 is not a number of GPUs"),
        ("&available_min=9999999999", "available_min 9999999999 is not a number of GPUs"),
        ("&product=", "product has not 1 to 128 characters"),
        ("&limit=0", "limit 0 is not a number from 1 to 5000"),
        ("&status=Odd", "status Odd is not supported; supported: Ready, NotReady, Unknown or Missing"),
        ("&sort=utilization", None),
        ("&zone=a", None),
        ("&continue=eA", "continue is not one that was given out"),
    ],
)
async def test_a_wrong_parameter_is_named(api: Api, query: str, message: str | None) -> None:
    status, code, told = (await ask(api, query)).error
    assert (status, code) == (400, 4000)
    if message is not None:
        assert told.replace("'", "").replace('"', "").replace("  ", " ") == f"Invalid parameter: {message}"


async def test_a_token_of_another_query_is_refused(api: Api, cluster: Cluster) -> None:
    cluster.add(*many())
    cluster.publish(NOW)
    token = (await ask(api, "&limit=2&available_min=1")).data["continue"]
    answer = await ask(api, f"&limit=2&available_min=2&continue={token}")
    assert answer.error == (400, 4000, "Invalid parameter: continue is from another query")


async def test_it_is_a_table_too_and_names_the_next_page(api: Api, cluster: Cluster) -> None:
    cluster.add(*many())
    cluster.publish(NOW)
    answer = await ask(api, "&limit=2&product=H100", Accept="text/csv")
    first, second = csv.DictReader(io.StringIO(answer.body.decode(), newline=""))
    assert (first["node_name"], first["total_gpus"], first["product"]) == ("closed", "8", "H100")
    assert second["schedulable"] == "true"
    following = answer.headers["Link"].removeprefix("<").partition(">")[0]
    assert (await api.ask(following)).data["nodes"][0]["node_name"] == "n02"


async def test_pages_hold_while_nodes_come_and_go(api: Api, cluster: Cluster) -> None:
    cluster.add(*(node(f"n{number}") for number in range(0, 8, 2)))
    cluster.publish(NOW)
    first = (await ask(api, "&limit=2", Cache_Control="no-cache")).data
    cluster.add(node("n1"), node("n5"), pod("a", "gone"))
    cluster.remove_node("n0")
    cluster.publish(NOW + 1)
    second = (await ask(api, f"&limit=9&continue={first['continue']}", Cache_Control="no-cache")).data
    assert [row["node_name"] for row in first["nodes"]] == ["n0", "n2"]
    assert [row["node_name"] for row in second["nodes"]] == ["n4", "n5", "n6"]


async def test_of_missing_nodes_it_has_the_first_however_they_change(api: Api, cluster: Cluster) -> None:
    cluster.add(*(pod(f"p{number}", f"no-{number:03}") for number in range(150)))
    cluster.publish(NOW)
    assert (await ask(api)).data["total_nodes"] == 100
    for number in range(60):
        cluster.remove_pod("ml-team", f"p{number}")
    cluster.publish(NOW + 1)
    data = (await ask(api, Cache_Control="no-cache")).data
    assert [row["node_name"] for row in data["nodes"]] == [f"no-{number:03}" for number in range(60, 150)]
