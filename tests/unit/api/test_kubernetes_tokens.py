"""One caller can neither evict others' review results nor use up all pending reviews."""

import asyncio

import pytest

from lens.api.access.auth import BearerToken
from lens.api.access.kubernetes_tokens import KubernetesAuthenticator, KubernetesUser
from lens.api.errors import ApiError
from lens.metrics import Metrics
from lens.model.k8s.access import Permission, User


class Reviewer:
    """An apiserver that names users by the first word of their tokens, allows everything, and counts."""

    def __init__(self) -> None:
        self.access_reviews = 0
        self.token_reviews = 0
        self.responding = asyncio.Event()
        self.responding.set()

    async def user(self, token: str) -> User | None:
        self.token_reviews += 1
        # In a bearer token, tildes stand for the colons of a service account's name.
        return User(token.partition(".")[0].replace("~", ":"), "", (), ())

    async def allows(self, user: User, permission: Permission) -> bool:
        self.access_reviews += 1
        await self.responding.wait()
        return True


def authenticator_for(reviewer: Reviewer, metrics: Metrics) -> KubernetesAuthenticator:
    return KubernetesAuthenticator(reviewer, lambda: 1000.0, 600.0, metrics)


async def known_user(authenticator: KubernetesAuthenticator, text: str) -> KubernetesUser:
    token = text.replace(":", "~").encode()
    caller = await authenticator.authenticate(BearerToken(token, token), "192.0.2.1")
    assert isinstance(caller, KubernetesUser)
    return caller


def service_account(namespace: str, name: object) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


def list_pods(namespace: int) -> Permission:
    return Permission("list", "pods", namespace=f"n{namespace}")


async def test_a_caller_that_reads_many_namespaces_evicts_only_its_own_results() -> None:
    reviewer, metrics = Reviewer(), Metrics()
    authenticator = authenticator_for(reviewer, metrics)
    others, many = await known_user(authenticator, "others"), await known_user(authenticator, "many")
    for number in range(100):
        await authenticator.allows(others, list_pods(number))
    for number in range(5000):
        await authenticator.allows(many, list_pods(number))
    reviewer.access_reviews = 0
    for number in range(100):
        assert await authenticator.allows(others, list_pods(number))
    assert reviewer.access_reviews == 0
    await authenticator.allows(many, list_pods(0))
    assert reviewer.access_reviews == 1, "its own result was evicted"
    labels = {"review": "SubjectAccessReview", "outcome": "dropped"}
    assert metrics.registry.get_sample_value("lens_reviews_total", labels) == 5000 + 100 - 4096 + 1


async def test_a_new_caller_evicts_results_of_a_caller_above_its_share() -> None:
    reviewer = Reviewer()
    authenticator = authenticator_for(reviewer, Metrics())
    first, many, last = [await known_user(authenticator, name) for name in ("first", "many", "last")]
    await authenticator.allows(first, list_pods(0))
    for number in range(4095):
        await authenticator.allows(many, list_pods(number))
    for number in range(1000):
        await authenticator.allows(last, list_pods(number))
    reviewer.access_reviews = 0
    await authenticator.allows(first, list_pods(0))
    assert reviewer.access_reviews == 0


async def test_a_caller_with_many_pending_reviews_leaves_room_for_others() -> None:
    reviewer, metrics = Reviewer(), Metrics()
    authenticator = authenticator_for(reviewer, metrics)
    many, other = await known_user(authenticator, "many"), await known_user(authenticator, "other")
    reviewer.responding.clear()
    pending = [asyncio.create_task(authenticator.allows(many, list_pods(number))) for number in range(300)]
    refused, waiting = await asyncio.wait(pending, timeout=5, return_when=asyncio.FIRST_EXCEPTION)
    assert len(waiting) == 64
    for each in refused:
        with pytest.raises(ApiError, match="reviewed now"):
            each.result()
    others = asyncio.create_task(authenticator.allows(other, list_pods(0)))
    await asyncio.sleep(0)
    reviewer.responding.set()
    assert await others
    assert all(await asyncio.gather(*waiting))
    labels = {"review": "SubjectAccessReview", "outcome": "refused"}
    assert metrics.registry.get_sample_value("lens_reviews_total", labels) == 300 - 64


async def test_the_service_accounts_of_a_namespace_share_its_pending_reviews() -> None:
    reviewer = Reviewer()
    authenticator = authenticator_for(reviewer, Metrics())
    many = [await known_user(authenticator, service_account("many", number)) for number in range(100)]
    other = await known_user(authenticator, service_account("other", 0))
    reviewer.responding.clear()
    pending = [asyncio.create_task(authenticator.allows(each, list_pods(0))) for each in many]
    refused, waiting = await asyncio.wait(pending, timeout=5, return_when=asyncio.FIRST_EXCEPTION)
    assert (len(refused), len(waiting)) == (100 - 64, 64)
    assert all(task.exception() for task in refused)
    others = asyncio.create_task(authenticator.allows(other, list_pods(0)))
    await asyncio.sleep(0)
    reviewer.responding.set()
    assert await others
    assert all(await asyncio.gather(*waiting))


async def test_many_service_accounts_of_a_namespace_evict_only_each_others_results() -> None:
    reviewer = Reviewer()
    authenticator = authenticator_for(reviewer, Metrics())
    other = await known_user(authenticator, service_account("other", 0))
    many = [await known_user(authenticator, service_account("many", number)) for number in range(50)]
    for number in range(100):
        await authenticator.allows(other, list_pods(number))
    for each in many:
        for number in range(100):
            await authenticator.allows(each, list_pods(number))
    reviewer.access_reviews = 0
    for number in range(100):
        await authenticator.allows(other, list_pods(number))
    assert reviewer.access_reviews == 0
