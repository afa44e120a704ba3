"""Questions whose time is over."""

from collections.abc import Callable

import pytest

from lens.model.fit.admission.policies import Policies
from lens.model.fit.admission.workloads.workload import read_workload
from lens.model.fit.answer.answer import Answer, Options, answer
from lens.model.fit.answer.asked_group import read_group
from lens.model.fit.deadline import Check, OutOfTimeError, deadline, no_deadline
from lens.model.fit.view import FitView
from tests.unit.model.fit.fleets import fleet, node, pod
from tests.unit.model.manifests import GPU, Object

VIEW = FitView(
    fleet(
        [node(f"n{number}", labels={"zone": f"z{number % 2}"}) for number in range(4)],
        [
            pod(number, name=f"p{number}", labels={"app": f"a{number}"}, nodeName=f"n{number}", priority=-1)
            for number in range(4)
        ],
    ),
    Policies({}, {}, {}, {}, {}),
)

NEAR = {"requiredDuringSchedulingIgnoredDuringExecution": [
    {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "a1"}}}
]}  # fmt: skip
SPREAD = {
    "topologyKey": "zone",
    "maxSkew": 1,
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "asked"}},
}


def deployment(gpus: int, **spec: object) -> Object:
    container = {"name": "main", "resources": {"limits": {GPU: gpus}}}
    template = {"metadata": {"labels": {"app": "asked"}}, "spec": {"containers": [container], **spec}}
    return {"kind": "Deployment", "spec": {"replicas": 3, "template": template}}


def ask(manifest: Object, check_time: Check = no_deadline) -> Answer:
    groups = [read_group(each, "default", VIEW) for each in read_workload([manifest]).groups]
    options = Options(is_gpu=lambda resource: resource == GPU, check_time=check_time)
    return answer(VIEW, groups, "default", options)


def ends_after(calls: int) -> Callable[[], None]:
    left = iter(range(calls))

    def check_time() -> None:
        if next(left, None) is None:
            raise OutOfTimeError

    return check_time


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"affinity": {"podAffinity": NEAR}},
        {"affinity": {"podAntiAffinity": NEAR}},
        {"topologySpreadConstraints": [SPREAD]},
        {"nodeSelector": {"zone": "z1"}},
    ],
)
@pytest.mark.parametrize("gpus", [1, 5, 9])
def test_an_answer_without_time_is_unknown_and_never_another_one(gpus: int, spec: Object) -> None:
    whole = ask(deployment(gpus, **spec))
    found = [ask(deployment(gpus, **spec), ends_after(calls)) for calls in range(40)]
    assert (found[0].fits, found[0].complete, found[0].not_checked) == ("unknown", False, ("time",))
    assert {each.fits for each in found} <= {"unknown", whole.fits}
    assert all(each.placed == whole.placed for each in found if each.fits == whole.fits)


def test_a_template_without_time_leaves_the_others_undecided_too() -> None:
    manifest = {"kind": "List", "items": [deployment(1), deployment(2)]}
    found = ask(manifest, ends_after(0))
    assert [each.result.fits for each in found.groups] == ["unknown", "unknown"]


def test_a_deadline_is_of_the_clock() -> None:
    times = iter([10.0, 12.9, 13.0])
    check_time = deadline(lambda: next(times), 3.0)
    check_time()
    with pytest.raises(OutOfTimeError):
        check_time()
