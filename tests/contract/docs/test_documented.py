"""Whatever can be set, asked, answered or measured stands in docs/, where users look for it.

Alerts and events have tests of their own in tests/unit/test_docs.py.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lens
from lens.agent.report import dcgm_metrics, metrics
from lens.agent.settings import AgentSettings
from lens.api import errors
from lens.api.system.prometheus_metrics import PrometheusMetrics
from lens.cli import agent, mcp, serve
from lens.config.serve import ServeSettings
from lens.mcp.settings import McpSettings
from lens.metrics import Metrics
from lens_client.views.fit import not_checked
from tests.contract import field_tables
from tests.contract.conftest import NOW
from tests.contract.filled import fill
from tests.contract.kubernetes import Cluster
from tests.contract.openapi import document as openapi
from tests.contract.openapi.document import Document
from tests.contract.openapi.stored import made
from tests.contract.settings_page import PAGE, page
from tests.unit.agent.gpus import report

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "realtime.md").read_text()
AGENT = (DOCS / "agent.md").read_text()
PAGE_WORDS = (Path(lens.__file__).parent / "web/page/words/reasons.js").read_text()


@pytest.fixture
async def document() -> Document:
    return await made()


def sections() -> dict[str, str]:
    """Return the reference's sections by their headings."""
    _, *parts = re.split(r"^## ", REFERENCE, flags=re.MULTILINE)
    return {part.partition("\n")[0]: part for part in parts}


def section(path: str) -> str:
    """Return the section whose heading names an endpoint."""
    found = [text for heading, text in sections().items() if path in re.split(r"[ ,]+", heading)]
    assert len(found) == 1, f"docs/realtime.md has {len(found)} sections headed GET {path}"
    return found[0]


def fields(document: Document) -> Iterator[str]:
    """Go through the fields of all answers, each as type.field."""
    for name, schema in document["components"]["schemas"].items():
        yield from (f"{name}.{field}" for field in schema.get("properties", {}))


def values(document: Any) -> Iterator[str]:
    """Go through the words of which fields and parameters take one."""
    if isinstance(document, dict):
        yield from document.get("enum", ())
        for each in document.values():
            yield from values(each)
    elif isinstance(document, list):
        for each in document:
            yield from values(each)


def test_every_setting_is_on_the_page_of_settings_with_its_default() -> None:
    assert PAGE.read_text() == page(), "renew it: python -m tests.contract.settings_page"


def test_the_tables_of_tasks_fields_are_those_of_the_schema() -> None:
    assert field_tables.PAGE.read_text() == field_tables.page(), (
        "renew it: python -m tests.contract.field_tables"
    )


@pytest.mark.parametrize(
    ("settings", "command"),
    [(ServeSettings, serve.serve), (AgentSettings, agent.agent), (McpSettings, mcp.mcp)],
    ids=["serve", "agent", "mcp"],
)
def test_every_setting_is_a_flag(settings: type[ServeSettings], command: object) -> None:
    assert callable(command)
    assert list(inspect.signature(command).parameters) == list(settings.model_fields)


def test_every_endpoint_has_a_section_with_its_parameters(document: Document) -> None:
    for path, item in document["paths"].items():
        text = section(path)
        asked = [each["name"] for each in item["get"]["parameters"] if each["in"] == "query"]
        assert [name for name in asked if f"`{name}`" not in text] == [], path


def test_every_field_of_an_answer_is_named(document: Document) -> None:
    wrapping = ("meta", "data", "code", "message")
    missing = [
        each
        for each in fields(document)
        if (field := each.partition(".")[2]) not in wrapping
        and not re.search(rf"`[^`\n]*\b{field}\b", REFERENCE)
    ]
    assert missing == []


def test_every_word_that_a_field_or_parameter_takes_is_named(document: Document) -> None:
    # A leading - turns an order round.
    words = {word.removeprefix("-") for word in values(document)}
    assert sorted(word for word in words if f"`{word}`" not in REFERENCE) == []


def test_every_error_is_in_the_table_and_in_the_schema() -> None:
    table = sections()["Errors"]
    for status, error in openapi.ERRORS.items():
        assert re.search(rf"^\| [0-9, ]*{status}[0-9, ]* \| [0-9, ]*{error.code}", table, re.MULTILINE), (
            status
        )
    raised = set(re.findall(r"Error\(\w+, (\d{4})", inspect.getsource(errors)))
    assert len(raised) > 5
    assert raised == {str(each.code) for each in openapi.ERRORS.values()}


def test_every_metric_of_the_operator_is_named() -> None:
    metrics, cluster = Metrics(), Cluster()
    fill(cluster)
    names = [
        family.name
        for family in PrometheusMetrics(
            metrics.registry, cluster.state, lambda: NOW, namespaces=1, alerts=1
        ).collect()
    ]
    assert len(names) > 20
    assert [name for name in names if not re.search(rf"`[^`\n]*\b{name}(_total|_info)?\b", REFERENCE)] == []


def test_every_metric_of_the_agent_is_named() -> None:
    names = [family.name for each in (metrics, dcgm_metrics) for family in each.metric_families(report())]
    assert len(names) > 30
    assert [name for name in names if f"`{name}`" not in AGENT] == []


def test_no_link_in_the_docs_leads_nowhere() -> None:
    pages = [*DOCS.glob("*.md"), *DOCS.parent.glob("*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
        if "://" not in link
    ]
    assert len(links) > 10
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_what_fit_does_not_check_has_words_in_the_command_and_on_the_page() -> None:
    table = REFERENCE.partition("| `not_checked` | |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    names = {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert {"volumes", "device_pools"} <= names
    assert {name for name in names if "_" in name and not_checked(name) == name} == set()
    assert {name for name in names if f"\n  {name}: " not in PAGE_WORDS} == set()
