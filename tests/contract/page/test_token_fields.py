"""The token in ``Lens-Authorization``, for callers behind proxies that don't pass ``Authorization`` on."""

from pathlib import Path

import pytest

from tests.contract.conftest import TOKEN, Api, Serve, write_tokens
from tests.contract.wire import exchange

STATUS = "/api/v1/realtime/status?cluster=prod-cluster"
RIGHT, WRONG = f"Bearer {TOKEN}", "Bearer wrong"


async def fields(api: Api, *lines: str) -> int:
    """Return the status of a request with these lines in its head."""
    head = [f"GET {STATUS} HTTP/1.1", "Host: lens", "Connection: close", *lines, "", ""]
    (answer,) = await exchange(api.server, "\r\n".join(head).encode())
    return answer.status


@pytest.mark.parametrize("path", [STATUS, "/api/v1/clusters", "/metrics", "/api/v1/realtime/summary"])
async def test_the_token_is_taken_wherever_that_of_authorization_is(api: Api, path: str) -> None:
    assert (await api.ask(path, token=None, Lens_Authorization=RIGHT)).status == 200
    wrong = await api.ask(path, token=None, Lens_Authorization=WRONG)
    assert wrong.error == (401, 4001, "Unauthorized")
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "lines",
    [
        (f"Authorization: {RIGHT}", f"Lens-Authorization: {RIGHT}"),
        (f"lens-authorization: bearer  {TOKEN} ",),
        # What a proxy authenticates its own users by is no token.
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", f"Lens-Authorization: {RIGHT}"),
        (f"Authorization: {RIGHT}", "Lens-Authorization:"),
    ],
)
async def test_one_token_may_be_in_either_field_or_in_both(api: Api, lines: tuple[str, ...]) -> None:
    assert await fields(api, *lines) == 200


@pytest.mark.parametrize(
    "lines",
    [
        (f"Authorization: {RIGHT}", f"Lens-Authorization: {WRONG}"),
        (f"Authorization: {WRONG}", f"Lens-Authorization: {RIGHT}"),
        (f"Lens-Authorization: {RIGHT}", f"Lens-Authorization: {RIGHT}"),
        (f"Authorization: {RIGHT}", f"Lens-Authorization: {RIGHT}", f"Lens-Authorization: {RIGHT}"),
        (f"Lens-Authorization: {TOKEN}",),
        (f"X-Lens-Authorization: {RIGHT}",),
    ],
)
async def test_two_tokens_are_none(api: Api, lines: tuple[str, ...]) -> None:
    assert await fields(api, *lines) == 401


async def test_two_right_tokens_are_none_either(api: Api, serve: Serve, tokens_file: Path) -> None:
    write_tokens(tokens_file, grafana=TOKEN, other="other-right-token")
    api = await serve()
    assert await fields(api, "Authorization: Bearer other-right-token") == 200
    assert await fields(api, f"Authorization: {RIGHT}", "Lens-Authorization: Bearer other-right-token") == 401


async def test_wrong_tokens_count_against_the_same_limit(serve: Serve, api: Api) -> None:
    api = await serve(requests_per_minute=1, requests_burst=3)
    sent = [
        (await api.ask(STATUS, token=None, **{field: WRONG})).status
        for field in ("Authorization", "Lens_Authorization", "Authorization", "Lens_Authorization")
    ]
    assert sent == [401, 401, 401, 429]
    # A right token is never delayed by others' wrong ones.
    assert (await api.ask(STATUS, token=None, Lens_Authorization=RIGHT)).status == 200
