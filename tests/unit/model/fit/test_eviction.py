"""Which pods may go for others: no more than budgets allow, and an answer that holds whichever go."""

from collections import Counter
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from lens.model.fit.admission.policies import Budget
from lens.model.fit.deadline import no_deadline
from lens.model.fit.engine import fit
from lens.model.fit.eviction import Evictable, evictable
from lens.model.fit.result import Verdict
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.selectors import Requirement, Selector
from lens.model.fit.state import Fleet
from lens.model.inventory.objects.pod_key import PodKey
from lens.model.k8s.bounds import MAX_LABELS
from tests.profiles import full_or
from tests.unit.model.fit.fleets import asked, fleet, node, pod
from tests.unit.model.manifests import GPU, Object

ASKED = asked(pod(8, priority=10))


def of_app(app: str, allowed: int) -> Budget:
    return Budget(Selector((Requirement("app", "In", (app,)),)), allowed)


def found(seen: Fleet, budgets: dict[PodKey, Budget] | None, asked_pod: AskedPod = ASKED) -> Evictable | None:
    def place(left: Fleet) -> Verdict:
        return fit(left, asked_pod).fits

    return evictable(seen, asked_pod.priority, {GPU}, budgets, place, no_deadline)


def on(name: str, app: str, gpus: int, where: str, priority: int = 0) -> Object:
    return pod(gpus, name=name, labels={"app": app}, nodeName=where, priority=priority)


def test_without_any_pods_of_a_lower_priority_there_is_nothing_to_evict() -> None:
    assert found(fleet([node("a", 8)], [on("x", "x", 8, "a", priority=10)]), {}) is None


def test_a_budget_protects_what_it_does_not_allow() -> None:
    seen = fleet([node("a", 8)], [on("x", "x", 4, "a"), on("y", "x", 4, "a")])
    for allowed, protected, within in (0, 2, "no"), (1, 1, "no"), (2, 0, "yes"):
        answer = found(seen, {PodKey("default", "b"): of_app("x", allowed)})
        assert answer is not None
        assert (answer.gpus, answer.pods, answer.fits) == (8, 2, "yes")
        assert (answer.protected, answer.fits_within_budgets) == (protected, within)


def test_whether_a_budget_protects_a_pod_with_too_many_labels_is_unknown() -> None:
    labels = {f"l{number}": "x" for number in range(MAX_LABELS + 1)}
    seen = fleet([node("a", 8)], [pod(8, labels=labels, nodeName="a")])
    for namespace, known in (("default", None), ("other", 0)):
        answer = found(seen, {PodKey(namespace, "b"): of_app("x", 0)})
        assert answer is not None
        assert (answer.fits, answer.protected) == ("yes", known)


def test_a_pod_of_several_budgets_needs_all_of_them_and_those_of_other_namespaces_are_none_of_its() -> None:
    seen = fleet([node("a", 8)], [on("x", "x", 8, "a")])
    yes, no = of_app("x", 1), of_app("x", 0)
    for budgets, protected in (
        ({PodKey("default", "a"): yes, PodKey("default", "b"): no}, 1),
        ({PodKey("default", "a"): yes, PodKey("other", "b"): no}, 0),
        # One that selects nothing or everything protects nothing, as for the scheduler.
        ({PodKey("default", "a"): Budget(None, 0), PodKey("default", "b"): Budget(Selector(), 0)}, 0),
    ):
        answer = found(seen, budgets)
        assert answer is not None
        assert answer.protected == protected


def test_where_the_choice_within_a_budget_matters_the_answer_is_unknown() -> None:
    # One of the two may go: it fits if it is the one on a.
    pods = [on("x", "x", 1, "a"), on("y", "x", 1, "b", priority=-1)]
    seen = fleet([node("a", 8), node("b", 4)], pods)
    answer = found(seen, {PodKey("default", "b"): of_app("x", 1)})
    assert answer is not None
    assert (answer.fits, answer.protected, answer.fits_within_budgets) == ("yes", 1, "unknown")


def test_unknown_budgets_decide_nothing() -> None:
    answer = found(fleet([node("a", 8)], [on("x", "x", 8, "a")]), None)
    assert answer is not None
    assert (answer.fits, answer.protected, answer.fits_within_budgets) == ("yes", None, None)


apps = st.sampled_from("xyz")
pods = st.lists(
    st.tuples(apps, st.integers(0, 4), st.sampled_from("abc"), st.sampled_from((-1, 0, 20))), max_size=6
)


@settings(max_examples=full_or(60, 600))
@given(pods, st.dictionaries(apps, st.integers(0, 2)), st.integers(1, 8))
def test_what_is_said_of_budgets_holds_for_every_choice_of_pods(
    made: list[tuple[str, int, str, int]], allowed: dict[str, int], gpus: int
) -> None:
    raws = [on(f"p{index}", *each[:3], priority=each[3]) for index, each in enumerate(made)]
    nodes = [node(name, 8) for name in "abc"]
    question = asked(pod(gpus, priority=10))
    budgets = {PodKey("default", app): of_app(app, number) for app, number in allowed.items()}
    answer = found(fleet(nodes, raws), budgets, question)
    if answer is None:
        return
    lower = [raw for raw in raws if raw["spec"]["priority"] < 10]
    verdicts = set()
    for number in range(len(lower) + 1):
        for gone in combinations(lower, number):
            used = Counter(raw["metadata"]["labels"]["app"] for raw in gone)
            if all(used[app] <= most for app, most in allowed.items()):
                left = [raw for raw in raws if raw not in gone]
                verdicts.add(fit(fleet(nodes, left), question).fits)
    expected = "yes" if "yes" in verdicts else "no"
    assert answer.fits_within_budgets in (expected, "unknown")
    assert (answer.protected or 0) <= answer.pods
    if not answer.protected:
        assert answer.fits_within_budgets == answer.fits


def test_gpus_that_claims_serve_are_nothing_that_an_eviction_frees() -> None:
    # Without the resource itself the node's devices are claims', which preemption leaves as they are.
    served = node("b", allocatable={"cpu": "8", "memory": "32Gi", "pods": "110"})
    lower = [on("x", "x", 8, "a"), on("y", "x", 8, "b")]
    answer = found(fleet([node("a", 8), served], lower), {})
    assert answer is not None
    assert (answer.gpus, answer.pods, answer.fits) == (8, 1, "yes")
    assert found(fleet([served], lower[1:]), {}) is None
