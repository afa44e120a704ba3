"""What ``/api/v1/realtime/running-tasks`` tells."""

from tests.contract.conftest import NOW, Api, Clock
from tests.contract.kubernetes import Cluster, node, pod


async def test_a_task_has_every_field_of_the_quickstart(api: Api, cluster: Cluster) -> None:
    cluster.add(
        node("gpu-node-1"), pod("train-worker-0", "gpu-node-1", gpus=4, owner=("batch/v1", "Job", "train"))
    )
    cluster.publish(NOW)
    data = (await api.tasks()).data
    (task,) = data.pop("tasks")
    assert data == {
        "cluster": "prod-cluster",
        "timestamp": "2025-12-19T15:30:00Z",
        "total_tasks": 1,
        "continue": None,
    }
    quickstart = {
        "pod_uid": "uid-ml-team-train-worker-0",
        "pod_name": "train-worker-0",
        "namespace": "ml-team",
        "workload_type": "Job",
        "workload_name": "train",
        "workload_reason": "UNREAD",
        "node_name": "gpu-node-1",
        "allocated_gpus": 4,
        "running_time_seconds": 3600,
        "started_at": "2025-12-19T14:30:00Z",
        "owner": "train",
        "resources": {"nvidia.com/gpu": 4},
        "phase": "Running",
        "terminating": False,
        "utilization": None,
        "memory_used_bytes": None,
        "gpu_uuids": None,
        "utilization_reason": "NO_TELEMETRY",
    }
    assert {field: task[field] for field in quickstart} == quickstart


async def test_tasks_come_by_namespace_and_name(api: Api, cluster: Cluster) -> None:
    cluster.add(
        pod("b", "n2", namespace="team-a"),
        pod("a", "n3", namespace="team-b"),
        pod("a", "n1", namespace="team-a"),
    )
    cluster.publish(NOW)
    tasks = (await api.tasks()).data["tasks"]
    assert [(task["namespace"], task["pod_name"]) for task in tasks] == [
        ("team-a", "a"),
        ("team-a", "b"),
        ("team-b", "a"),
    ]


async def test_a_namespace_sees_its_own_tasks_alone(api: Api, cluster: Cluster) -> None:
    cluster.add(pod("mine", "n1", gpus=2), pod("theirs", "n1", namespace="other"))
    cluster.publish(NOW)
    data = (await api.tasks("&namespace=ml-team")).data
    assert data["total_tasks"] == 1
    assert [task["pod_name"] for task in data["tasks"]] == ["mine"]
    assert (await api.tasks("&namespace=empty")).data["tasks"] == []


async def test_only_running_pods_are_tasks(api: Api, cluster: Cluster) -> None:
    cluster.add(
        pod("running", "n1"),
        pod("starting", "n1", phase="Pending"),
        pod("lost", "n1", phase="Unknown"),
        pod("done", "n1", phase="Succeeded"),
        pod("waiting", "", phase="Pending"),
        pod("ending", "n1", terminating=True),
    )
    cluster.publish(NOW)
    tasks = {task["pod_name"]: task["terminating"] for task in (await api.tasks()).data["tasks"]}
    assert tasks == {"running": False, "ending": True}
    assert (await api.status()).data["running_tasks"] == 2


async def test_owner_and_workload_are_named(api: Api, cluster: Cluster) -> None:
    cluster.add(
        pod("bare", "n1"),
        pod(
            "web-7d4b9-x2",
            "n1",
            owner=("apps/v1", "ReplicaSet", "web-7d4b9"),
            labels={"pod-template-hash": "7d4b9"},
        ),
        pod("worker-0", "n1", owner=("kubeflow.org/v1", "PyTorchJob", "llm")),
    )
    cluster.publish(NOW)
    told = {
        task["pod_name"]: (task["workload_type"], task["workload_name"], task["owner"])
        for task in (await api.tasks()).data["tasks"]
    }
    assert told == {
        "bare": ("Pod", "bare", None),
        "web-7d4b9-x2": ("Deployment", "web", "web-7d4b9"),
        "worker-0": ("PyTorchJob", "llm", "llm"),
    }


async def test_running_time_is_a_number_whatever_the_nodes_say(api: Api, cluster: Cluster) -> None:
    cluster.add(
        pod("ahead", "n1", started="2025-12-19T15:31:00Z"),
        pod("silent", "n1", started=None),
        pod("old", "n1", started="2025-12-18T15:29:59Z"),
    )
    cluster.publish(NOW)
    told = {
        task["pod_name"]: (task["running_time_seconds"], task["started_at"])
        for task in (await api.tasks()).data["tasks"]
    }
    assert told == {
        "ahead": (0, "2025-12-19T15:31:00Z"),
        "silent": (0, None),
        "old": (86401, "2025-12-18T15:29:59Z"),
    }


async def test_running_time_grows_without_changes(api: Api, cluster: Cluster, clock: Clock) -> None:
    cluster.add(pod("a", "n1"))
    cluster.publish(NOW)
    clock.now = NOW + 600
    (task,) = (await api.tasks()).data["tasks"]
    assert task["running_time_seconds"] == 4200


async def test_an_answer_of_several_megabytes_arrives_whole(api: Api, cluster: Cluster) -> None:
    cluster.add(*(pod(f"task-{number:05}", f"n{number % 100}") for number in range(20_000)))
    cluster.publish(NOW)
    data = (await api.tasks()).data
    assert data["total_tasks"] == len(data["tasks"]) == 20_000
