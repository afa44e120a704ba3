import pytest

from lens_sim.apiserver.selectors import Selector, SelectorError, field_requirements, label_requirements
from lens_sim.objects.resources import NODES, PODS, Resource
from lens_sim.objects.store import Revision


def revision(labels: dict[str, str] | None = None, fields: dict[str, str] | None = None) -> Revision:
    return Revision(version=1, key="ns/pod", body=b"{}", labels=labels or {}, fields=fields or {})


@pytest.mark.parametrize(
    ("text", "labels", "selected"),
    [
        ("", {}, True),
        ("app=a", {"app": "a"}, True),
        ("app=a", {"app": "b"}, False),
        ("app==a", {"app": "a"}, True),
        ("app!=a", {"app": "b"}, True),
        ("app!=a", {}, True),
        ("app", {"app": ""}, True),
        ("app", {}, False),
        ("!app", {}, True),
        ("!app", {"app": "a"}, False),
        ("app in (a, b)", {"app": "b"}, True),
        ("app in (a,b)", {"app": "c"}, False),
        ("app in (a,b)", {}, False),
        ("app notin (a,b)", {"app": "c"}, True),
        ("app notin (a,b)", {}, True),
        ("app notin (a,b)", {"app": "a"}, False),
        ("app in (a,b),tier!=web,example.com/x", {"app": "a", "example.com/x": "1"}, True),
        ("app in (a,b),tier!=web", {"app": "a", "tier": "web"}, False),
    ],
)
def test_label_selector_selects_what_kubernetes_selects(
    text: str, labels: dict[str, str], selected: bool
) -> None:
    assert Selector(labels=label_requirements(text)).matches(revision(labels)) is selected


@pytest.mark.parametrize("text", ["app=a=b", "app in a", "app in (a", "=a", "a b", ","])
def test_label_selector_that_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(SelectorError):
        label_requirements(text)


@pytest.mark.parametrize(
    ("text", "fields", "selected"),
    [
        ("status.phase=Running", {"status.phase": "Running"}, True),
        ("status.phase==Running", {"status.phase": "Pending"}, False),
        ("status.phase!=Succeeded,status.phase!=Failed", {"status.phase": "Failed"}, False),
        ("status.phase!=Succeeded,status.phase!=Failed", {"status.phase": "Pending"}, True),
        ("spec.nodeName=", {"spec.nodeName": ""}, True),
    ],
)
def test_field_selector_selects_what_kubernetes_selects(
    text: str, fields: dict[str, str], selected: bool
) -> None:
    assert Selector(fields=field_requirements(text, PODS)).matches(revision(fields=fields)) is selected


@pytest.mark.parametrize(
    ("text", "resource", "problem"),
    [
        ("spec.foo=1", PODS, "field label not supported: spec.foo"),
        ("status.phase=Running", NODES, "field label not supported: status.phase"),
        ("status.phase", PODS, "invalid selector"),
        ("status.phase in (a)", PODS, "invalid selector"),
    ],
)
def test_field_selector_that_the_resource_does_not_offer_is_refused(
    text: str, resource: Resource, problem: str
) -> None:
    with pytest.raises(SelectorError, match=problem):
        field_requirements(text, resource)
