"""One caller takes nothing of what is kept of others' reviews, nor all that can be under way."""

import asyncio

import pytest

from lens.api.access.auth import Token
from lens.api.access.reviewed import ReviewedTokens, ReviewedUser
from lens.api.errors import ApiError
from lens.metrics import Metrics
from lens.model.k8s.access import Permission, User


class Reviewer:
    """An apiserver that knows every token by its first word, allows everything, and counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.tokens = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def user(self, token: str) -> User | None:
        self.tokens += 1
        return User(token.partition(".")[0], "", (), ())

    async def allows(self, user: User, permission: Permission) -> bool:
        self.asked += 1
        await self.answers.wait()
        return True


def tokens(reviewer: Reviewer, metrics: Metrics) -> ReviewedTokens:
    return ReviewedTokens(reviewer, lambda: 1000.0, 600.0, metrics)


async def known(reviewed: ReviewedTokens, text: str) -> ReviewedUser:
    caller = await reviewed.identify(Token(text.encode(), text.encode()), "192.0.2.1")
    assert isinstance(caller, ReviewedUser)
    return caller


def of(namespace: int) -> Permission:
    return Permission("list", "pods", namespace=f"n{namespace}")


async def test_who_asks_for_many_namespaces_pushes_out_no_rights_of_others() -> None:
    reviewer, metrics = Reviewer(), Metrics()
    reviewed = tokens(reviewer, metrics)
    others, many = await known(reviewed, "others"), await known(reviewed, "many")
    for number in range(100):
        await reviewed.allows(others, of(number))
    for number in range(5000):
        await reviewed.allows(many, of(number))
    reviewer.asked = 0
    for number in range(100):
        assert await reviewed.allows(others, of(number))
    assert reviewer.asked == 0
    await reviewed.allows(many, of(0))
    assert reviewer.asked == 1, "their own had to go"
    labels = {"review": "SubjectAccessReview", "outcome": "dropped"}
    assert metrics.registry.get_sample_value("lens_reviews_total", labels) == 5000 + 100 - 4096 + 1


async def test_a_newcomer_takes_places_of_who_has_too_many() -> None:
    reviewer = Reviewer()
    reviewed = tokens(reviewer, Metrics())
    first, many, last = [await known(reviewed, name) for name in ("first", "many", "last")]
    await reviewed.allows(first, of(0))
    for number in range(4095):
        await reviewed.allows(many, of(number))
    for number in range(1000):
        await reviewed.allows(last, of(number))
    reviewer.asked = 0
    await reviewed.allows(first, of(0))
    assert reviewer.asked == 0


async def test_who_has_many_reviews_under_way_leaves_room_for_others() -> None:
    reviewer, metrics = Reviewer(), Metrics()
    reviewed = tokens(reviewer, metrics)
    many, other = await known(reviewed, "many"), await known(reviewed, "other")
    reviewer.answers.clear()
    asking = [asyncio.create_task(reviewed.allows(many, of(number))) for number in range(300)]
    refused, waiting = await asyncio.wait(asking, timeout=5, return_when=asyncio.FIRST_EXCEPTION)
    assert len(waiting) == 64
    for each in refused:
        with pytest.raises(ApiError, match="reviewed now"):
            each.result()
    others = asyncio.create_task(reviewed.allows(other, of(0)))
    await asyncio.sleep(0)
    reviewer.answers.set()
    assert await others
    assert all(await asyncio.gather(*waiting))
    labels = {"review": "SubjectAccessReview", "outcome": "refused"}
    assert metrics.registry.get_sample_value("lens_reviews_total", labels) == 300 - 64
