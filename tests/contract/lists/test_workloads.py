"""What is learnt of who stands above a task shows with the next fresh answer."""

from lens.model.inventory.objects.pod import Controller, Workload
from lens.model.inventory.owner_chains import NO_OWNER_CHAINS, OwnerChain
from tests.contract.conftest import NOW, Api
from tests.contract.kubernetes import Cluster, pod

JOB = Controller("batch/v1", "Job", "ml-team", "train", "o")


async def shown_workload(api: Api) -> tuple[str, str, str | None, str | None]:
    """Return the one task's workload, why it may not be the top, and its owner."""
    (task,) = (await api.tasks(Cache_Control="no-cache")).data["tasks"]
    return task["workload_type"], task["workload_name"], task["workload_reason"], task["owner"]


async def test_the_top_of_the_owner_chain_is_shown_once_known(api: Api, cluster: Cluster) -> None:
    cluster.add(pod("train-0", "n1", owner=("batch/v1", "Job", "train")))
    cluster.publish(NOW)
    assert await shown_workload(api) == ("Job", "train", "UNREAD", "train")
    cluster.state.owner_chains = NO_OWNER_CHAINS.updated(
        {JOB: OwnerChain(Workload("JobSet", "sweep"), "FORBIDDEN")}
    )
    assert await shown_workload(api) == ("JobSet", "sweep", "FORBIDDEN", "train")
    cluster.publish(NOW + 1)
    assert await shown_workload(api) == ("JobSet", "sweep", "FORBIDDEN", "train")
    cluster.state.owner_chains = NO_OWNER_CHAINS.updated({JOB: OwnerChain(Workload("TrainJob", "llm"), None)})
    assert await shown_workload(api) == ("TrainJob", "llm", None, "train")


async def test_an_answer_with_other_workloads_is_another_answer(api: Api, cluster: Cluster) -> None:
    cluster.add(pod("train-0", "n1", owner=("batch/v1", "Job", "train")))
    cluster.publish(NOW)
    first = await api.tasks()
    cluster.state.owner_chains = NO_OWNER_CHAINS.updated({JOB: OwnerChain(Workload("JobSet", "sweep"), None)})
    assert (await api.tasks(Cache_Control="no-cache")).headers["ETag"] != first.headers["ETag"]
    assert (await api.tasks(If_None_Match=first.headers["ETag"])).status == 200


async def test_a_bare_pod_needs_nobody_to_be_known(api: Api, cluster: Cluster) -> None:
    cluster.add(pod("notebook", "n1"))
    cluster.publish(NOW)
    assert await shown_workload(api) == ("Pod", "notebook", None, None)


async def test_an_owner_in_one_namespace_is_not_shown_in_another(api: Api, cluster: Cluster) -> None:
    cluster.add(pod("train-0", "n1", namespace="other", owner=("batch/v1", "Job", "train")))
    cluster.state.owner_chains = NO_OWNER_CHAINS.updated(
        {JOB: OwnerChain(Workload("JobSet", "secret-project"), None)}
    )
    cluster.publish(NOW)
    assert await shown_workload(api) == ("Job", "train", "UNREAD", "train")
