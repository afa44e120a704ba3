"""What is left of a request in the log."""

import logging

import pytest

from tests.contract.conftest import Api, access_lines


async def test_a_request_has_one_log_line_with_caller_and_path(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = await api.status("&include=nodes", Accept_Encoding="identity")
        (line,) = await access_lines(caplog)
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert line["method"] == "GET"
    assert line["path"] == line["route"] == "/api/v1/realtime/status"
    assert line["status"] == 200
    assert line["caller"] == "grafana"
    assert line["remote"] == "127.0.0.1"
    assert line["bytes"] > len(answer.body)
    assert 0 <= line["milliseconds"] < 10_000


async def test_a_line_has_no_query_and_a_bounded_path(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await api.ask("/" + "p" * 5000 + "?token=hidden", token="wrong")
        (line,) = await access_lines(caplog)
    assert line["route"] == "unknown"
    assert line["caller"] is None
    assert len(line["path"]) == 256
    assert "hidden" not in str(line)


async def test_probes_do_not_fill_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await api.ask("/healthz")
        await api.ask("/readyz")
        await api.ask("/api/v1/clusters")
        assert [line["route"] for line in await access_lines(caplog)] == ["/api/v1/clusters"]
    with caplog.at_level(logging.DEBUG):
        await api.ask("/healthz")
        assert [line["route"] for line in await access_lines(caplog, 2)] == ["/api/v1/clusters", "/healthz"]


async def test_the_last_requests_before_the_end_are_logged_too(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await api.status()
        await api.server.stop()
    assert [record.name for record in caplog.records] == ["lens.access"]


async def test_under_load_no_line_is_lost(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        ids = {(await api.status()).headers["X-Request-Id"] for _ in range(200)}
        lines = await access_lines(caplog, 200)
    assert {line["request_id"] for line in lines} == ids
    times = [line["created"] for line in lines]
    assert times == sorted(times)
