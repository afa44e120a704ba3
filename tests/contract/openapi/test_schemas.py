"""What is sent is of the types that the route table promises."""

import json

from pydantic import TypeAdapter

from lens.api.schemas.clusters import Clusters
from lens.api.schemas.envelope import Envelope, Health
from lens.api.schemas.status import Status
from lens.api.schemas.tasks import RunningTasks
from tests.contract.conftest import NOW, Api
from tests.contract.kubernetes import Cluster, node, pod

PROMISED: dict[str, TypeAdapter[object]] = {
    "/api/v1/clusters": TypeAdapter(Envelope[Clusters]),
    "/api/v1/realtime/status?cluster=prod-cluster": TypeAdapter(Envelope[Status]),
    "/api/v1/realtime/status?cluster=prod-cluster&include=nodes": TypeAdapter(Envelope[Status]),
    "/api/v1/realtime/status?cluster=prod-cluster&include=alerts,events": TypeAdapter(Envelope[Status]),
    "/api/v1/realtime/running-tasks?cluster=prod-cluster": TypeAdapter(Envelope[RunningTasks]),
    "/healthz": TypeAdapter(Envelope[Health]),
    "/readyz": TypeAdapter(Envelope[Health]),
}


async def test_no_answer_has_a_field_that_is_undocumented_missing_or_of_another_type(
    api: Api, cluster: Cluster
) -> None:
    named = pod("named", "gpu-0")
    devices = [{"name": "nvidia.com/gpu", "resources": [{"resourceID": "GPU-a"}]}]
    named["status"]["containerStatuses"] = [{"name": "main", "allocatedResourcesStatus": devices}]
    cluster.add(
        node("gpu-0", product="NVIDIA-H100-80GB-HBM3", healthy=7),
        node("gpu-1", ready=False, taints=[{"key": "a", "effect": "NoSchedule"}]),
        pod("bare", "gpu-0"),
        pod("owned", "gpu-0", owner=("batch/v1", "Job", "train"), started=None),
        pod("orphan", "gone"),
        node("mig", resource="nvidia.com/mig-1g.10gb"),
        pod("part", "mig", resource="nvidia.com/mig-1g.10gb"),
        named,
    )
    cluster.publish(NOW)
    for path, promised in PROMISED.items():
        document = (await api.ask(path)).document
        read = promised.validate_json(json.dumps(document), strict=True)
        assert promised.dump_python(read) == document, path
