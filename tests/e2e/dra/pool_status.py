"""The apiserver's own figures of pools: ResourcePoolStatusRequest (KEP-5677, alpha in 1.37)."""

import asyncio
from collections.abc import Iterable

from tests.e2e.cluster.api import Api, ApiError, Manifest
from tests.e2e.cluster.waiting import wait_until

REQUESTS = "/apis/resource.k8s.io/v1alpha3/resourcepoolstatusrequests"

Pool = tuple[str, str]


async def pool_statuses(api: Api, pools: Iterable[Pool], deadline_s: float = 30) -> dict[Pool, Manifest]:
    """Ask for each pool by driver and name, and return what the controller manager writes of it.

    It answers nothing for a pool that lacks slices, but tries again, so ask for others only.
    """
    names = {f"ask-{index}": pool for index, pool in enumerate(pools)}
    await _delete_all(api)
    await asyncio.gather(
        *(
            api.create(
                REQUESTS,
                {
                    "apiVersion": "resource.k8s.io/v1alpha3",
                    "kind": "ResourcePoolStatusRequest",
                    "metadata": {"name": name},
                    "spec": {"driver": driver, "poolName": pool},
                },
            )
            for name, (driver, pool) in names.items()
        )
    )
    answers: dict[Pool, Manifest] = {}

    async def all_answered() -> bool:
        for request in await api.list_all(REQUESTS):
            for status in (request.get("status") or {}).get("pools") or []:
                answers[status["driver"], status["poolName"]] = status
        return len(answers) == len(names)

    try:
        await wait_until(all_answered, "status of every pool", deadline_s)
    finally:
        await _delete_all(api)
    return answers


async def _delete_all(api: Api) -> None:
    for request in await api.list_all(REQUESTS):
        try:
            await api.delete(f"{REQUESTS}/{request['metadata']['name']}")
        except ApiError as error:
            if error.status != 404:
                raise
