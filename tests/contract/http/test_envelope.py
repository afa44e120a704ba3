"""Whatever happens, the answer is in the envelope, has an id, and says nothing of the inside."""

import asyncio
import contextlib
import json
import logging

import pytest

from tests.contract.conftest import Api, Serve, access_lines
from tests.contract.kubernetes import Cluster
from tests.contract.wire import exchange, read_answer

STATUS = b"GET /api/v1/realtime/status?cluster=prod-cluster HTTP/1.1\r\nHost: x\r\n"
FIT = b"POST /api/v1/realtime/fit?cluster=prod-cluster HTTP/1.1\r\nHost: x\r\n"
RIGHT = b"Authorization: Bearer right-token\r\n"

DEADLINE_S = 15.0
"""Less than a client has for its body (`serve`)."""


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/v1/clusters/",
        "/api/v2/clusters",
        "/api%2Fv1/clusters",
        "/%2fhealthz",
        "//healthz",
        "/%00",
        "/ä",
    ],
)
async def test_an_unknown_path_is_not_found(api: Api, path: str) -> None:
    answer = await api.ask(path)
    assert answer.error == (404, 4004, "Route not found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/api/v1/clusters", "/healthz", "/metrics"])
async def test_a_wrong_method_gets_the_allowed_ones(api: Api, method: str, path: str) -> None:
    answer = await api.ask(path, method=method)
    assert answer.error == (405, 4005, "Method not allowed")
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x00\x01\x02\x03\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", 400),
        (b"GET  HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (STATUS + b"no colon\r\n\r\n", 400),
        (STATUS + b"Bad\x00Name: x\r\n\r\n", 400),
        (STATUS + b"X-Null: a\x00b\r\n\r\n", 400),
        (STATUS + b"Content-Length: secret\r\n\r\n", 400),
        (STATUS + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (STATUS + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (STATUS + b"Host: y\r\n\r\n", 400),
        (b"GET /?" + b"q" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (STATUS + b"Authorization: Bearer " + b"t" * 2**20 + b"\r\n\r\n", 431),
        (STATUS + b"n" * 17000 + b": x\r\n\r\n", 431),
        (STATUS + b"".join(b"X-%d: x\r\n" % number for number in range(200)) + b"\r\n", 431),
    ],
)
async def test_what_is_no_request_is_answered_in_the_envelope(
    api: Api, caplog: pytest.LogCaptureFixture, sent: bytes, status: int
) -> None:
    with caplog.at_level(logging.DEBUG):
        (answer,) = await exchange(api.server, sent)
        (line,) = await access_lines(caplog)
    assert answer.status == status
    assert answer.meta["code"] == 4000
    assert answer.meta["message"].startswith("Invalid request: ")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-Id"]
    assert line["status"] == status
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert [record.name for record in caplog.records if record.levelno > logging.INFO] == []
    assert "secret" not in caplog.text.lower()


@pytest.mark.parametrize("method", ["SECRET", "get", "PURGE-ALL"])
async def test_a_method_that_nobody_knows_is_not_implemented(
    api: Api, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    (answer,) = await exchange(api.server, f"{method} /healthz HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.status == 501
    assert answer.meta == {"code": 5001, "message": "Unknown method: methods are case-sensitive"}
    assert "SECRET" not in caplog.text


async def test_the_limits_of_a_request_are_named(api: Api) -> None:
    long_line, long_field, many_fields = [
        (await exchange(api.server, sent))[0].meta["message"]
        for sent in (
            b"GET /" + b"q" * 9000 + b" HTTP/1.1\r\n\r\n",
            STATUS + b"X: " + b"x" * 20000 + b"\r\n\r\n",
            STATUS + b"X: x\r\n" * 200 + b"\r\n",
        )
    ]
    assert long_line == "Invalid request: the request line is over 8190 bytes"
    assert long_field == "Invalid request: a header field is over 16380 bytes"
    assert many_fields == "Invalid request: there are over 100 header fields"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", "it has no Host"),
        (STATUS + b"Host: y\r\n\r\n", "a header field is malformed, or there twice"),
        (STATUS + b"no colon\r\n\r\n", "a header field is malformed, or there twice"),
        (STATUS + b"X: folded\r\n line\r\n\r\n", "a header field is malformed, or there twice"),
        (
            "GET /api/v1/clusters?name=büro HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
            "its target is no URL: all but ASCII has to be percent-encoded",
        ),
        (b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", "it is not HTTP/1.1"),
        (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "it is not HTTP/1.1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "it is not HTTP/1.1"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "it is not HTTP/1.1"),
        (b"GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "it is not HTTP/1.1"),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(api: Api, sent: bytes, told: str) -> None:
    (answer,) = await exchange(api.server, sent)
    assert (answer.status, answer.meta["message"]) == (400, f"Invalid request: {told}")


async def test_a_long_token_of_an_identity_provider_still_fits(api: Api) -> None:
    request = STATUS + b"Connection: close\r\nAuthorization: Bearer " + b"t" * 12000 + b"\r\n\r\n"
    (answer,) = await exchange(api.server, request)
    assert answer.status == 401


async def test_a_bad_request_after_a_good_one_is_answered_and_ends_the_connection(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    statuses = []
    for sent in (STATUS + RIGHT + b"\r\n", b"nonsense\r\n\r\n"):
        writer.write(sent)
        answer = await read_answer(reader)
        assert answer is not None
        statuses.append(answer.status)
    assert statuses == [200, 400]
    assert await reader.read() == b""
    writer.close()


async def test_requests_in_a_row_are_answered_in_a_row(api: Api) -> None:
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = await exchange(api.server, (STATUS + RIGHT + b"\r\n") * 100 + last)
    assert [answer.status for answer in answers] == [200] * 101


async def test_a_request_that_comes_byte_by_byte_is_a_request(api: Api) -> None:
    request = STATUS + RIGHT + b"Connection: close\r\n\r\n"
    (answer,) = await exchange(api.server, *(bytes([byte]) for byte in request))
    assert answer.status == 200


async def test_a_small_body_is_ignored_and_the_connection_goes_on(api: Api) -> None:
    with_body = STATUS + RIGHT + b"Content-Type: text/odd\r\nContent-Length: 2\r\n\r\n{}"
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = await exchange(api.server, with_body + last)
    assert [answer.status for answer in answers] == [200, 200]


async def test_a_large_body_is_refused_before_it_is_sent(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    writer.write(STATUS + RIGHT + b"Content-Length: 100000000\r\nExpect: 100-continue\r\n\r\n")
    async with asyncio.timeout(DEADLINE_S):
        answer = await read_answer(reader)
    assert answer is not None
    assert (answer.status, answer.meta["code"]) == (413, 4013)
    writer.close()


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(api: Api) -> None:
    """RFC 9110, 10.1.1. Older curls wait a second with more than 1 KiB, and others for longer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    body = b"kind: Pod\nspec: {containers: [{name: a, resources: {limits: {nvidia.com/gpu: 1}}}]}\n"
    for framing, sent in (
        (b"Content-Length: %d" % len(body), body),
        (b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)),
    ):
        writer.write(FIT + RIGHT + framing + b"\r\nExpect: 100-Continue\r\n\r\n")
        async with asyncio.timeout(DEADLINE_S):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(sent)
            answer = await read_answer(reader)
        assert answer is not None
        assert (answer.status, json.loads(answer.body)["data"]["replicas"]) == (200, 1)
    writer.close()


async def test_a_body_that_nobody_asked_for_is_not_awaited(api: Api) -> None:
    """The client may send its next request instead, which would be taken for the body."""
    for sent, status in (
        (FIT + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", 401),
        (STATUS + RIGHT + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", 200),
    ):
        (answer,) = await exchange(api.server, sent)
        assert (answer.status, answer.headers["Connection"]) == (status, "close")


async def test_an_expectation_of_http_1_0_is_none(api: Api) -> None:
    sent = FIT.replace(b"1.1", b"1.0") + RIGHT + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"
    (answer,) = await exchange(api.server, sent)
    assert answer.status == 400


async def test_a_body_that_cannot_be_parsed_is_answered_at_once(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """And not after the time that a client has for its body."""
    chunked = FIT + RIGHT + b"Transfer-Encoding: chunked\r\n\r\n"
    for body in (
        b"zz-secret\r\n",
        b"ffffffffffffffffffff\r\n",
        b"2\r\n{}secret\r\n",
        b"2\r\n{}\r\n0\r\nno colon\r\n\r\n",
    ):
        async with asyncio.timeout(DEADLINE_S):
            (answer,) = await exchange(api.server, chunked, body)
        assert answer.status == 400
        assert answer.meta == {"code": 4000, "message": "Invalid request: its body is not chunked"}
    assert [record.name for record in caplog.records if record.levelno > logging.INFO] == []
    assert "secret" not in caplog.text


async def test_who_sends_far_too_much_reads_why(api: Api) -> None:
    """A reset would overtake the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    writer.write(FIT + RIGHT + b"Transfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(200):
            writer.write(b"4000\r\n%b\r\n" % bytes(0x4000))
            await writer.drain()
    async with asyncio.timeout(DEADLINE_S):
        answer = await read_answer(reader)
    assert answer is not None
    assert (answer.status, answer.meta["code"]) == (413, 4013)
    writer.close()
    metrics = await api.ask("/metrics")
    assert b'lens_http_refused_total{reason="body"} 1.0' in metrics.body


async def test_a_compressed_transfer_is_refused(api: Api) -> None:
    sent = FIT + RIGHT + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
    (answer,) = await exchange(api.server, sent)
    assert (answer.status, answer.meta["code"]) == (415, 4015)


@pytest.mark.slow
async def test_a_body_that_breaks_off_or_is_garbled_is_nobody_elses_trouble(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    chunked = STATUS + RIGHT + b"Transfer-Encoding: chunked\r\n\r\n"
    for body in (
        b"zz-secret\r\n",
        b"5\r\nhel",
        b"5\r\nhello-secret\r\n0\r\n\r\n",
        b"ffffffffffffffffffff\r\n",
    ):
        answers = await asyncio.wait_for(exchange(api.server, chunked, body), DEADLINE_S)
        assert answers
        assert answers[0].status in {200, 400}
    assert (await api.status()).status == 200
    assert [record.name for record in caplog.records if record.levelno > logging.INFO] == []
    assert "secret" not in caplog.text


async def test_a_defect_is_500_and_logged_with_the_request_id(
    serve: Serve, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    def broken_clock() -> float:
        raise ZeroDivisionError("the inside")

    cluster.publish(0)
    api = await serve(auth="none", clock=broken_clock)
    answer = await api.status()
    assert answer.error == (500, 5000, "Internal error")
    assert b"inside" not in answer.body
    assert b"Traceback" not in answer.body
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert vars(record)["request_id"] == answer.headers["X-Request-Id"]
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize("given", ["a", "Trace.1_2-3", "x" * 64])
async def test_a_callers_request_id_comes_back(api: Api, given: str) -> None:
    assert (await api.status(X_Request_Id=given)).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "ä", 'a"b', "a,b", "a\tb", "{}"])
async def test_a_request_id_that_could_do_harm_is_replaced(api: Api, given: str) -> None:
    assert (await api.status(X_Request_Id=given)).headers["X-Request-Id"] not in {given, ""}


async def test_every_request_has_an_id_of_its_own(api: Api) -> None:
    answers = [await api.status(), await api.status(), await api.ask("/"), await api.ask("/healthz")]
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == len(answers)


async def test_no_response_names_the_servers_version(api: Api) -> None:
    (refused,) = await exchange(api.server, b"nonsense\r\n\r\n")
    assert refused.headers["Server"] == (await api.status()).headers["Server"] == "lens"


async def test_json_is_said_to_be_json(api: Api) -> None:
    answer = await api.status()
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body)["meta"] == {"code": 2000, "message": "OK"}


async def test_the_docs_are_found_with_a_slash_at_their_end_too(api: Api) -> None:
    answer = await api.ask("/docs/", token=None)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
