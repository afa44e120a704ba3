"""Nobody who asks while Lens is upgraded, rolled back or loses a pod gets anything but an answer."""

import pytest
import requests

from tests.e2e.node.commands import eventually
from tests.e2e.node.load import Load
from tests.e2e.node.release import CLUSTER, STATUS, Caller, Release

MIN_REQUESTS = 2000


@pytest.fixture
def load(release: Release, viewer: Caller) -> Load:
    """Return callers of the Service."""
    url = release.address() + STATUS
    headers = {"Authorization": f"Bearer {viewer.token}", "Connection": "close"}
    return Load(lambda: requests.get(url, params={"cluster": CLUSTER}, headers=headers, timeout=10))


def test_no_request_fails_during_upgrade_rollback_and_the_end_of_a_pod(release: Release, load: Load) -> None:
    def uids() -> set[str]:
        return {pod["metadata"]["uid"] for pod in release.pods("operator")}

    with load.running():
        first = uids()
        release.upgrade("--set", "operator.podAnnotations.edition=second")
        eventually(lambda: not first & uids(), "end of the first pods")
        print(f"\n  upgraded, {load.asked} requests", end="")

        second = uids()
        release.helm("rollback", "--wait")
        eventually(lambda: not second & uids(), "end of the second pods")
        print(f", rolled back, {load.asked} requests", end="")

        victim, *_ = release.pods("operator")
        release.kubectl("delete", "pod", victim["metadata"]["name"])
        release.kubectl("rollout", "status", "deployment/lens", "--timeout=60s")
        load.wait_for(max(200, MIN_REQUESTS - load.asked))
    print(f", a pod deleted, {load.asked} requests: {dict(load.outcomes)}", end="")
    assert set(load.outcomes) == {"200"}
    assert load.asked >= MIN_REQUESTS


def test_an_upgrade_keeps_the_agents_token(release: Release) -> None:
    def token() -> str:
        secret = release.commands.get("-n", release.namespace, "secret", "lens-agent-token")
        return str(secret["data"]["token"])

    before = token()
    release.upgrade("--set", "operator.podAnnotations.edition=third")
    assert token() == before
