"""A review API that fails lets nobody in, and calls nobody's token wrong."""

import asyncio
import json
import logging
import time

import pytest

from tests.integration.access.conftest import (
    ACCESS_REVIEW,
    OWN_TOKEN,
    PATIENCE_S,
    REALTIME,
    STATUS,
    TASKS,
    TIMEOUT_S,
    TOKEN_REVIEW,
    Scene,
)
from tests.integration.http.conftest import until
from tests.integration.watch import faults
from tests.integration.watch.front import Fault
from tests.integration.watch.scene import write

REVIEWS = {TOKEN_REVIEW: "TokenReview", ACCESS_REVIEW: "SubjectAccessReview"}


def review(**fields: object) -> Fault:
    return faults.answer(201, json.dumps(fields).encode())


HANGS: dict[str, Fault] = {"hang": faults.hang, "a body that hangs": faults.endless_silence}

FAULTS: dict[str, Fault] = {
    **HANGS,
    "500": faults.status(500),
    "429": faults.status(429, Retry_After="1"),
    "503": faults.status(503),
    "forbidden to Lens": faults.status(403),
    "not found": faults.status(404),
    "401 for ever": faults.status(401),
    "a page": faults.html(),
    "a page with 201": faults.html(201),
    "reset": faults.reset,
    "no HTTP": faults.raw(b"\x16\x03\x01\x00nonsense\r\n\r\n"),
    "nothing": faults.raw(b""),
    "empty": faults.answer(201),
    "null": faults.answer(201, b"null"),
    "no status": review(kind="TokenReview"),
    "a Status": faults.answer(201, b'{"kind":"Status","status":"Success"}'),
    "another kind": review(kind="Pod", status={"authenticated": True, "allowed": True}),
    "text for a flag": review(kind="TokenReview", status={"authenticated": "true"}),
    "an endless answer": faults.answer(201, b" " * 2**20),
    "a redirect": faults.answer(307, Location="http://127.0.0.1:1/"),
}


@pytest.mark.parametrize("path", REVIEWS)
@pytest.mark.parametrize("how", FAULTS)
async def test_a_review_that_fails_is_503_and_neither_200_nor_401(scene: Scene, path: str, how: str) -> None:
    await scene.serve(patience=TIMEOUT_S if how in HANGS else PATIENCE_S)
    scene.account("all", REALTIME)
    scene.front.always(path, FAULTS[how])
    answer = await scene.ask(STATUS, "all")
    assert answer[:4] == (503, 5003, "Access can't be reviewed now", None)
    assert int(answer.headers["Retry-After"]) > 0
    scene.front.always(path, None)
    assert (await scene.ask(STATUS, "all")).status == 200


async def test_a_namespace_is_not_given_because_one_of_its_two_reviews_failed(lens: Scene) -> None:
    lens.account("dev", REALTIME._replace(namespace="team-a"))
    lens.front.script(ACCESS_REVIEW, faults.status(500))
    assert (await lens.ask(f"{TASKS}&namespace=team-a", "dev")).status == 503


async def test_a_review_that_denies_is_not_overruled_by_what_it_allows(lens: Scene) -> None:
    lens.account("all")
    lens.front.script(
        ACCESS_REVIEW, review(kind="SubjectAccessReview", status={"allowed": True, "denied": True})
    )
    assert (await lens.ask(STATUS, "all")).status == 403


async def test_a_review_that_could_not_be_finished_allows_nothing(lens: Scene) -> None:
    lens.account("all")
    status = {"allowed": False, "evaluationError": "roles.rbac.authorization.k8s.io not found"}
    lens.front.script(ACCESS_REVIEW, review(kind="SubjectAccessReview", status=status))
    assert (await lens.ask(STATUS, "all")).status == 403


@pytest.mark.parametrize(
    "status", [{"authenticated": True}, {"authenticated": True, "user": {"username": ""}}]
)
async def test_somebody_without_a_name_is_nobody(lens: Scene, status: dict[str, object]) -> None:
    lens.front.script(TOKEN_REVIEW, review(kind="TokenReview", status=status))
    assert (await lens.ask(STATUS, "any")).status == 401


async def test_an_apiserver_that_knows_no_audiences_does_not_let_in_for_lens(scene: Scene) -> None:
    await scene.serve(token_audiences=("lens",))
    status = {"authenticated": True, "user": {"username": "somebody"}}
    scene.front.script(TOKEN_REVIEW, review(kind="TokenReview", status=status))
    assert (await scene.ask(STATUS, "any")).status == 401


async def test_a_review_that_hangs_holds_up_nobody_elses_request(scene: Scene) -> None:
    await scene.serve()
    scene.account("all", REALTIME)
    assert (await scene.ask(STATUS, "all")).status == 200
    scene.front.always(TOKEN_REVIEW, faults.hang)
    hanging = [asyncio.create_task(scene.ask(STATUS, f"other-{number}")) for number in range(40)]
    await until(lambda: len(scene.requests(TOKEN_REVIEW)) > 1)
    assert (await scene.ask(STATUS, "all")).status == 200
    assert not any(each.done() for each in hanging)
    for each in hanging:
        each.cancel()
    await asyncio.wait(hanging)


async def test_reviews_that_hang_end_with_503(impatient: Scene) -> None:
    impatient.front.always(TOKEN_REVIEW, faults.hang)
    hanging = [impatient.ask(STATUS, f"other-{number}") for number in range(40)]
    assert {answer.status for answer in await asyncio.gather(*hanging)} == {503}


async def test_who_was_let_in_stays_so_for_ten_minutes_of_the_apiservers_absence(lens: Scene) -> None:
    lens.account("all", REALTIME)
    lens.account("none")
    assert (await lens.ask(STATUS, "all")).status == 200
    assert (await lens.ask(STATUS, "none")).status == 403
    await lens.front.stop()
    for seconds in (31, 300, 268):
        lens.now += seconds
        assert (await lens.ask(STATUS, "all")).status == 200
        assert (await lens.ask(STATUS, "none")).status == 503
    assert lens.metrics.registry.get_sample_value(
        "lens_reviews_total", {"review": "TokenReview", "outcome": "stood"}
    )
    lens.now += 2
    assert (await lens.ask(STATUS, "all")).status == 503
    await lens.front.start()
    assert (await lens.ask(STATUS, "all")).status == 200


@pytest.mark.parametrize(
    "fault", [faults.hang, faults.reset, faults.status(500)], ids=["hang", "reset", "500"]
)
async def test_while_no_review_is_answered_those_who_are_known_are_answered_at_once(
    impatient: Scene, fault: Fault
) -> None:
    impatient.account("all", REALTIME)
    assert (await impatient.ask(STATUS, "all")).status == 200
    for path in REVIEWS:
        impatient.front.always(path, fault)
    impatient.now += 60
    assert (await impatient.ask(STATUS, "all")).status == 200
    began = time.monotonic()
    for _ in range(20):
        assert (await impatient.ask(STATUS, "all")).status == 200
    assert time.monotonic() - began < 20 * TIMEOUT_S


async def test_a_right_that_is_taken_away_is_gone_as_soon_as_the_apiserver_is_back(lens: Scene) -> None:
    lens.account("all", REALTIME)
    assert (await lens.ask(STATUS, "all")).status == 200
    await lens.front.stop()
    lens.now += 60
    assert (await lens.ask(STATUS, "all")).status == 200
    lens.sim.accounts.rights.clear()
    await lens.front.start()
    async with asyncio.timeout(30):
        while (await lens.ask(STATUS, "all")).status != 403:
            pass
    await lens.front.stop()
    lens.now += 6
    assert (await lens.ask(STATUS, "all")).status == 503


async def test_stale_permissions_can_be_turned_off(scene: Scene) -> None:
    await scene.serve(access_stale_seconds=0)
    scene.account("all", REALTIME)
    assert (await scene.ask(STATUS, "all")).status == 200
    await scene.front.stop()
    scene.now += 29
    assert (await scene.ask(STATUS, "all")).status == 200
    scene.now += 2
    assert (await scene.ask(STATUS, "all")).status == 503


async def test_unknown_tokens_get_503_within_seconds_without_reviews(impatient: Scene) -> None:
    impatient.front.always(TOKEN_REVIEW, faults.hang)

    async def seconds(token: str) -> float:
        began = time.monotonic()
        assert (await impatient.ask(STATUS, token)).status == 503
        return time.monotonic() - began

    # One after another would take ten.
    assert max(await asyncio.gather(*(seconds(f"stranger-{number}") for number in range(20)))) < 9


async def test_lens_own_token_may_rotate(lens: Scene) -> None:
    lens.account("all", REALTIME)
    assert (await lens.ask(STATUS, "all")).status == 200
    lens.sim.token = "rotated-token"
    lens.now += 601
    assert (await lens.ask(STATUS, "all")).status == 503
    write(lens.kubeconfig, lens.kubeconfig.read_text().replace(OWN_TOKEN, "rotated-token"))
    assert (await lens.ask(STATUS, "all")).status == 200


async def test_a_password_in_the_servers_url_is_no_obstacle(scene: Scene) -> None:
    with_password = scene.front.url.replace("://", "://somebody:secret@")
    write(scene.kubeconfig, scene.kubeconfig.read_text().replace(scene.front.url, with_password))
    await scene.serve()
    scene.account("all", REALTIME)
    assert (await scene.ask(STATUS, "all")).status == 200


async def test_no_redirect_is_followed_with_a_token(lens: Scene) -> None:
    lens.account("all", REALTIME)
    lens.front.script(TOKEN_REVIEW, faults.answer(307, Location=f"{lens.front.url}/elsewhere"))
    assert (await lens.ask(STATUS, "all")).status == 503
    assert lens.requests("/elsewhere") == []


async def test_a_failure_is_logged_and_counted_and_the_token_is_in_neither(
    lens: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    lens.front.script(TOKEN_REVIEW, faults.status(403))
    with caplog.at_level(logging.DEBUG):
        await lens.ask(STATUS, "secret-token")
    (line,) = [vars(record) for record in caplog.records if record.name == "lens.kube.readers.reviews"]
    assert (line["review"], line["error"]) == ("TokenReview", "HTTP 403")
    count = lens.metrics.registry.get_sample_value(
        "lens_reviews_total", {"review": "TokenReview", "outcome": "failed"}
    )
    assert count == 1
    logged = "".join(f"{vars(record)}" for record in caplog.records if record.name.startswith("lens"))
    assert "secret" not in logged
    assert OWN_TOKEN not in logged
