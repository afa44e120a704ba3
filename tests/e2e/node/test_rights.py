"""Who may ask is what the cluster's RBAC says of ServiceAccounts, by their own tokens."""

import requests

from tests.e2e.node.release import CLUSTER, STATUS, TASKS, Caller, Release, binding


def _statuses(caller: Caller) -> list[int]:
    """Return how Lens answers for the whole cluster, and for the tasks of two namespaces."""
    asked = [(STATUS, {}), (TASKS, {"namespace": "default"}), (TASKS, {"namespace": "kube-system"})]
    return [caller.ask(path, **params).status_code for path, params in asked]


def test_an_account_without_rights_is_forbidden(release: Release) -> None:
    assert _statuses(Caller.create(release, "stranger")) == [403, 403, 403]


def test_an_account_bound_to_lens_viewer_sees_everything(release: Release) -> None:
    release.commands.apply(binding("grafana"))
    assert _statuses(Caller.create(release, "grafana")) == [200, 200, 200]


def test_an_account_bound_in_a_namespace_sees_that_namespaces_tasks(release: Release) -> None:
    release.commands.apply(binding("team", "default"))
    assert _statuses(Caller.create(release, "team")) == [403, 200, 403]


def test_who_has_no_token_or_an_invented_one_is_refused(release: Release) -> None:
    for headers in ({}, {"Authorization": "Bearer e30.e30.e30"}):
        url = release.address() + STATUS
        assert requests.get(url, params={"cluster": CLUSTER}, headers=headers, timeout=10).status_code == 401


def test_lens_itself_may_read_and_have_reviews_answered_and_nothing_else(release: Release) -> None:
    account = f"--as=system:serviceaccount:{release.namespace}:lens"
    listed = release.commands.kubectl("auth", "can-i", "--list", account, "--no-headers")
    verbs = {verb for line in listed.splitlines() for verb in line.rpartition("[")[2].rstrip("]").split()}
    assert verbs <= {"get", "list", "watch", "create"}
    created = {line.split()[0] for line in listed.splitlines() if "create" in line}
    # The first two are everybody's.
    assert created == {
        "selfsubjectreviews.authentication.k8s.io",
        "selfsubjectaccessreviews.authorization.k8s.io",
        "selfsubjectrulesreviews.authorization.k8s.io",
        "tokenreviews.authentication.k8s.io",
        "subjectaccessreviews.authorization.k8s.io",
    }


def test_the_agent_has_no_token_and_may_nothing(release: Release) -> None:
    (agent,) = release.pods("agent")
    assert agent["spec"]["automountServiceAccountToken"] is False
    assert not any("projected" in volume for volume in agent["spec"]["volumes"])
    account = f"--as=system:serviceaccount:{release.namespace}:lens-agent"
    listed = release.commands.kubectl("auth", "can-i", "--list", account, "--no-headers")
    assert not any("pods" in line or "nodes" in line for line in listed.splitlines())
