"""JSONPath is kubectl's."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens_client.output import jsonpath
from tests.unit.client.kubectl import DOCUMENT, STORED, TEMPLATES

KUBECTL: dict[str, str | None] = json.loads(STORED.read_text())


def test_every_template_is_stored() -> None:
    """`python -m tests.unit.client.kubectl` asks kubectl."""
    assert list(KUBECTL) == TEMPLATES.read_text().splitlines()


@pytest.mark.parametrize("template", KUBECTL)
def test_a_template_prints_what_kubectl_prints(template: str) -> None:
    """Or is refused as kubectl refuses it."""
    expected = KUBECTL[template]
    if expected is None:
        with pytest.raises(jsonpath.JsonPathError):
            jsonpath.render(jsonpath.parse(template), DOCUMENT)
    else:
        assert jsonpath.render(jsonpath.parse(template), DOCUMENT) == expected


def test_numbers_keep_the_api_s_digits() -> None:
    """kubectl prints 100.0 as 100: here it is what the API says."""
    assert jsonpath.render(jsonpath.parse("{.a}"), {"a": 100.0}) == "100.0"


def test_of_what_is_unknown_no_comparison_holds() -> None:
    """kubectl refuses to compare null, which the API has for what isn't known."""
    document = {"nodes": [{"n": 1, "u": None}, {"n": 2, "u": 50.0}]}
    assert jsonpath.render(jsonpath.parse("{.nodes[?(@.u<60)].n}"), document) == "2"


@given(st.text(alphabet="{}[]().*?@$'\"\\,:-<>=! \nrangeend019ax_/", max_size=40))
def test_no_template_breaks_it(template: str) -> None:
    """Whatever is typed: a result, or the one error."""
    with contextlib.suppress(jsonpath.JsonPathError):
        jsonpath.render(jsonpath.parse(template), DOCUMENT)


@pytest.mark.parametrize("path", ["a.b", ".a.b", "{.a.b}", "{a.b}"])
def test_a_column_s_path_needs_no_braces(path: str) -> None:
    """As in kubectl's custom columns and --sort-by."""
    assert jsonpath.find(jsonpath.parse_field(path), {"a": {"b": 7}}) == [7]
