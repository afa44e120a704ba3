"""What a kubelet and a load balancer are told."""

from tests.contract.conftest import NOW, Api, Clock, Serve
from tests.contract.kubernetes import Cluster


async def test_a_pod_that_has_just_started_is_alive_and_not_ready(serve: Serve, cluster: Cluster) -> None:
    cluster.publish(NOW, synced=False)
    api = await serve()
    assert (await api.ask("/healthz", token=None)).data == {"status": "ok"}
    answer = await api.ask("/readyz", token=None)
    assert answer.error == (503, 5003, "Not ready: not synced yet")
    assert answer.headers["Retry-After"]


async def test_a_pod_that_knows_its_cluster_is_ready(api: Api) -> None:
    assert (await api.ask("/readyz", token=None)).data == {"status": "ok"}


async def test_a_pod_with_old_data_is_taken_out_and_comes_back(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    clock.now = NOW + 300
    assert (await api.ask("/readyz")).status == 200
    clock.now = NOW + 412
    answer = await api.ask("/readyz")
    assert answer.error == (503, 5003, "Not ready: the data is 412 s old, over the limit of 300 s")
    assert (await api.status()).status == 200
    cluster.publish(NOW + 412)
    assert (await api.ask("/readyz")).status == 200


async def test_the_age_that_takes_a_pod_out_is_a_setting(
    serve: Serve, cluster: Cluster, clock: Clock
) -> None:
    cluster.publish(NOW)
    api = await serve(ready_max_age_seconds=20)
    clock.now = NOW + 21
    assert (await api.ask("/readyz")).status == 503


async def test_probes_answer_head_requests(api: Api) -> None:
    for path in ("/healthz", "/readyz"):
        assert (await api.ask(path, method="HEAD", token=None)).status == 200
