"""How often somebody may ask, and how often somebody may be wrong."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.contract import wire
from tests.contract.conftest import NOW, TOKEN, Api, Clock, Serve, write_tokens
from tests.contract.kubernetes import Cluster

STATUS = "/api/v1/realtime/status?cluster=prod-cluster"

# A String of RFC 9651 with two Integer parameters.
RATE_LIMIT = re.compile(r'"([a-z]+)";r=([0-9]+);t=([0-9]+)')
POLICY = re.compile(r'"([a-z]+)";q=([0-9]+);w=([0-9]+)')


def write_tokens_of_one(path: Path, name: str, *tokens: str) -> None:
    entries = [{"name": name, "sha256": hashlib.sha256(token.encode()).hexdigest()} for token in tokens]
    path.write_text(json.dumps({"tokens": entries}))


@pytest.fixture
async def strict(serve: Serve, cluster: Cluster) -> Api:
    """Return a server that takes three requests at once and one a second."""
    cluster.publish(NOW)
    return await serve(requests_per_minute=60, requests_burst=3)


async def test_by_default_a_thousand_may_come_at_once_and_500_a_minute(api: Api, clock: Clock) -> None:
    for left in range(999, -1, -1):
        answer = await api.status()
        assert (answer.status, answer.headers["RateLimit"]) == (200, f'"caller";r={left};t=1')
        assert answer.headers["RateLimit-Policy"] == '"caller";q=1000;w=120'
    assert (await api.status()).error == (429, 4029, "Too many requests")
    clock.now += 60
    for _ in range(500):
        assert (await api.status()).status == 200
    assert (await api.status()).status == 429


async def test_too_many_requests_are_429_with_retry_after(strict: Api, clock: Clock) -> None:
    for _ in range(3):
        assert (await strict.status()).status == 200
    answer = await strict.status()
    assert answer.error == (429, 4029, "Too many requests")
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["RateLimit"] == '"caller";r=0;t=1'
    clock.now += 1
    assert (await strict.status()).status == 200


async def test_each_endpoint_and_each_caller_has_a_limit_of_its_own(
    strict: Api, tokens_file: Path, clock: Clock
) -> None:
    write_tokens(tokens_file, grafana=TOKEN, other="other-token")
    clock.now += 1
    for _ in range(4):
        last = await strict.status()
    assert last.status == 429
    assert (await strict.ask("/api/v1/clusters")).status == 200
    assert (await strict.ask(STATUS, token="other-token")).status == 200


async def test_two_tokens_of_one_caller_do_not_make_two_limits(
    strict: Api, tokens_file: Path, clock: Clock
) -> None:
    write_tokens_of_one(tokens_file, "grafana", TOKEN, "second-token")
    clock.now += 1
    for token in (TOKEN, "second-token", TOKEN):
        assert (await strict.ask(STATUS, token=token)).status == 200
    assert (await strict.ask(STATUS, token="second-token")).status == 429


async def test_another_node_or_namespace_is_not_another_endpoint(strict: Api) -> None:
    answers = [
        await strict.ask(f"/api/v1/realtime/nodes/n{number}?cluster=prod-cluster") for number in range(4)
    ]
    assert [answer.status for answer in answers] == [404, 404, 404, 429]


async def test_retry_after_is_never_too_early(serve: Serve) -> None:
    api = await serve(requests_per_minute=2, requests_burst=2)
    answers = [await api.status() for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 429]
    for answer in answers:
        told = RATE_LIMIT.fullmatch(answer.headers["RateLimit"])
        assert told
        assert answer.headers["Retry-After"] == told[3] == "30"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_are_answered_however_often_they_come(strict: Api, path: str) -> None:
    for _ in range(20):
        answer = await strict.ask(path, token=None)
        assert answer.status == 200
        assert "RateLimit" not in answer.headers


async def test_refusals_before_a_caller_is_known_have_the_addresss_state(api: Api) -> None:
    assert RATE_LIMIT.fullmatch((await api.ask("/api/v1/nope")).headers["RateLimit"])
    (malformed,) = await wire.exchange(api.server, b"no HTTP\r\n\r\n")
    assert malformed.status == 400
    assert POLICY.fullmatch(malformed.headers["Ratelimit-Policy"])


async def test_without_tokens_callers_are_known_by_their_address(serve: Serve, cluster: Cluster) -> None:
    cluster.publish(NOW)
    api = await serve(auth="none", tokens_file=None, requests_per_minute=60, requests_burst=3)
    answers = [await api.ask(STATUS, token=f"token-{number}") for number in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]


async def test_open_metrics_are_limited_by_address(serve: Serve, cluster: Cluster) -> None:
    cluster.publish(NOW)
    api = await serve(metrics_open=True, requests_per_minute=60, requests_burst=3)
    assert [(await api.ask("/metrics", token=None)).status for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("path", "token", "method", "status"),
    [
        (STATUS, TOKEN, "GET", 200),
        (STATUS, TOKEN, "HEAD", 200),
        (f"{STATUS}&typo=1", TOKEN, "GET", 400),
        ("/api/v1/realtime/status", None, "GET", 400),
        (STATUS, "wrong", "GET", 401),
        (STATUS, None, "GET", 401),
        (f"{STATUS}-2", TOKEN, "GET", 404),
        (STATUS, TOKEN, "POST", 405),
        ("/metrics", TOKEN, "GET", 200),
    ],
)
async def test_every_response_has_its_rate_limit(
    api: Api, path: str, token: str | None, method: str, status: int
) -> None:
    answer = await api.ask(path, token=token, method=method)
    assert answer.status == status
    told, policy = (
        RATE_LIMIT.fullmatch(answer.headers["RateLimit"]),
        POLICY.fullmatch(answer.headers["RateLimit-Policy"]),
    )
    assert told
    assert policy
    assert told[1] == policy[1]
    assert int(told[2]) <= int(policy[2]) == 1000


async def test_a_304_has_its_rate_limit(api: Api) -> None:
    tag = (await api.status()).headers["ETag"]
    answer = await api.status("", If_None_Match=tag)
    assert (answer.status, answer.headers["RateLimit"]) == (304, '"caller";r=998;t=1')


async def test_kept_answers_do_not_repeat_what_was_left_to_another(api: Api) -> None:
    told = [(await api.status()).headers.getall("RateLimit") for _ in range(3)]
    assert told == [[f'"caller";r={left};t=1'] for left in (999, 998, 997)]


async def test_wrong_tokens_get_a_limited_number_of_401(strict: Api, clock: Clock) -> None:
    for _ in range(3):
        assert (await strict.ask(STATUS, token="wrong")).status == 401
    for token in ("wrong", "wrong-2", None):
        answer = await strict.ask("/api/v1/clusters", token=token)
        assert answer.error == (429, 4029, "Too many requests")
        assert answer.headers["RateLimit"] == '"address";r=0;t=1'
    clock.now += 1
    assert (await strict.ask(STATUS, token="wrong")).status == 401
    assert (await strict.ask(STATUS, token="wrong")).status == 429


@pytest.mark.parametrize("known", [True, False])
async def test_a_caller_is_not_held_up_by_somebody_who_guesses_behind_the_same_proxy(
    strict: Api, known: bool
) -> None:
    if known:
        assert (await strict.status()).status == 200
    while (await strict.ask(STATUS, token="wrong")).status != 429:
        pass
    assert (await strict.status()).status == 200


async def test_a_token_that_was_right_once_is_no_way_around_the_limit(
    strict: Api, tokens_file: Path, clock: Clock
) -> None:
    assert (await strict.status()).status == 200
    write_tokens(tokens_file, grafana="new-token")
    clock.now += 1
    answers = [(await strict.status()).status for _ in range(5)]
    assert answers == [401, 401, 401, 429, 429]


async def test_right_tokens_are_not_counted_as_guesses(strict: Api, tokens_file: Path, clock: Clock) -> None:
    tokens = {f"caller-{number}": f"token-{number}" for number in range(10)}
    write_tokens(tokens_file, **tokens)
    clock.now += 1
    for token in tokens.values():
        assert (await strict.ask(STATUS, token=token)).status == 200
