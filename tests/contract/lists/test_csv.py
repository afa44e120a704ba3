"""Tasks as a table for spreadsheets, by ``Accept: text/csv`` (RFC 4180)."""

import csv
import io
import re

import pytest

from tests.contract.conftest import NOW, Answer, Api
from tests.contract.kubernetes import Cluster, pod
from tests.contract.lists.test_pending_tasks import pending, waiting


def table(answer: Answer) -> list[dict[str, str]]:
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.body.endswith(b"\r\n")
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


async def test_a_task_is_a_line_under_the_names_of_its_fields(api: Api, cluster: Cluster) -> None:
    cluster.add(pod("a", "n1", gpus=2), pod("b", "n1", started=None, owner=("batch/v1", "Job", "train")))
    cluster.publish(NOW)
    told = (await api.tasks()).data["tasks"]
    a, b = table(await api.tasks(Accept="text/csv"))
    assert {*a} >= {*told[0]}
    assert (a["pod_name"], a["allocated_gpus"], a["running_time_seconds"]) == ("a", "2", "3600")
    assert (a["resources"], a["terminating"], a["owner"]) == ("nvidia.com/gpu=2", "false", "")
    assert (b["started_at"], b["owner"], b["utilization"]) == ("", "train", "")


@pytest.mark.parametrize(
    ("accepted", "media_type"),
    [
        ("text/csv", "text/csv"),
        ("Text/CSV", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv, application/json;q=0.9", "text/csv"),
        ("text/csv;q=0.5, */*;q=0.1", "text/csv"),
        ("text/csv;q=0.5, */*", "application/json"),
        ("text/csv, application/json", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
        ("*/*", "application/json"),
        ("text/csv;q=0", "application/json"),
        ("image/png", "application/json"),
        ("", "application/json"),
        ("text/csv;q=x", "application/json"),
        (";;,/,*", "application/json"),
    ],
)
async def test_the_client_says_which_form_it_takes(api: Api, accepted: str, media_type: str) -> None:
    answer = await api.tasks(Accept=accepted)
    assert answer.status == 200
    assert answer.headers["Content-Type"].partition(";")[0] == media_type


@pytest.mark.parametrize(
    ("asked", "accepted", "media_type"),
    [
        ("&format=csv", "application/json", "text/csv"),
        ("&format=csv", "*/*", "text/csv"),
        ("&format=json", "text/csv", "application/json"),
        ("&format=", "text/csv", "text/csv"),
    ],
)
async def test_a_format_that_is_named_takes_precedence(
    api: Api, asked: str, accepted: str, media_type: str
) -> None:
    for path in ("running-tasks", "pending-tasks"):
        answer = await api.ask(f"/api/v1/realtime/{path}?cluster=prod-cluster{asked}", Accept=accepted)
        assert answer.headers["Content-Type"].partition(";")[0] == media_type


async def test_another_format_is_refused(api: Api) -> None:
    status, code, message = (await api.tasks("&format=xml")).error
    assert (status, code) == (400, 4000)
    assert message == "Invalid parameter: format 'xml' is not supported; supported: json or csv"
    assert (await api.status("&format=csv")).status == 400


async def test_pages_of_either_format_go_on_in_the_other(api: Api, cluster: Cluster) -> None:
    cluster.add(*(pod(f"p{number}", "n1") for number in range(3)))
    cluster.publish(NOW)
    token = (await api.tasks("&limit=1")).data["continue"]
    second = await api.tasks(f"&limit=1&format=csv&continue={token}")
    assert [row["pod_name"] for row in table(second)] == ["p1"]
    link = re.fullmatch(r'<(/[^>]+)>; rel="next"', second.headers["Link"])
    assert link is not None
    assert [row["pod_name"] for row in table(await api.ask(link[1]))] == ["p2"]


ODD_STARTS = [
    *"\0\v\x7f\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}",
    *"\N{FULLWIDTH COMMERCIAL AT}\N{SMALL EQUALS SIGN}\N{SUPERSCRIPT PLUS SIGN}\N{MINUS SIGN}",
    *"\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}\N{COMBINING ACUTE ACCENT}\x91",
    *(f"{unseen}=" for unseen in " \N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}\N{SOFT HYPHEN}"),
    *(f"{unseen}=" for unseen in "\N{WORD JOINER}\N{RIGHT-TO-LEFT OVERRIDE}\N{TAG SPACE}"),
    "  \N{ZERO WIDTH JOINER} \N{FULLWIDTH EQUALS SIGN}",
]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", *ODD_STARTS])
async def test_what_others_have_written_is_no_formula(api: Api, cluster: Cluster, start: str) -> None:
    text = f'{start}cmd|" /C calc"!A0, "1\r\n2"'
    cluster.add(waiting("a", condition={"reason": "Unschedulable", "message": text}, priority=-5))
    cluster.publish(NOW)
    (row,) = table(await pending(api, Accept="text/csv"))
    assert row["message"] == f"'{text}"
    assert row["priority"] == "-5"


async def test_odd_text_makes_no_odd_line(api: Api, cluster: Cluster) -> None:
    text = 'naïve 日本 "quoted",\0 nul\r\nand a line'
    cluster.add(waiting("a", condition={"reason": "Unschedulable", "message": text}), waiting("b"))
    cluster.publish(NOW)
    rows = table(await pending(api, Accept="text/csv"))
    assert [row["pod_name"] for row in rows] == ["a", "b"]
    assert rows[0]["message"] == text


async def test_the_next_page_is_linked(api: Api, cluster: Cluster) -> None:
    cluster.add(*(pod(f"p{number}", "n1") for number in range(5)))
    cluster.publish(NOW)
    names: list[str] = []
    path = "/api/v1/realtime/running-tasks?cluster=prod-cluster&limit=2&sort=-name"
    for _ in range(3):
        answer = await api.ask(path, Accept="text/csv")
        names += [row["pod_name"] for row in table(answer)]
        link = answer.headers.get("Link")
        if link is None:
            break
        match = re.fullmatch(r'<(/[^>]+)>; rel="next"', link)
        assert match is not None
        path = match[1]
    assert names == ["p4", "p3", "p2", "p1", "p0"]
    assert link is None


async def test_each_form_is_kept_for_itself(api: Api, cluster: Cluster) -> None:
    cluster.add(pod("a", "n1"))
    cluster.publish(NOW)
    for _ in range(2):
        assert (await api.tasks()).data["total_tasks"] == 1
        assert len(table(await api.tasks(Accept="text/csv"))) == 1
    tags = {(await api.tasks(Accept=accepted)).headers["ETag"] for accepted in ("text/csv", "*/*")}
    assert len(tags) == 2


async def test_an_error_is_json_whatever_is_asked_for(api: Api) -> None:
    assert (await api.tasks("&limit=0", Accept="text/csv")).error[:2] == (400, 4000)
