"""What can't be is refused before anything is made, in words that name it."""

import pytest

from tests.e2e.cluster.control_plane import REPOSITORY
from tests.e2e.node.commands import CommandError, Commands, eventually
from tests.e2e.node.host.gpus import Gpus
from tests.e2e.node.release import CHART, Release

CLUSTER = ("--set", "cluster=prod-cluster", "--set", "image.repository=lens")


@pytest.fixture(scope="module", autouse=True)
def namespace(commands: Commands, gpus: Gpus) -> None:
    """Have the namespace."""
    commands.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lens"}})


@pytest.mark.parametrize("helm", [3, 4])
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "cluster is required"),
        (CLUSTER[:2], "image.repository is required.*make image"),
        ((*CLUSTER, "--set", "operator.replcas=3"), "replcas"),
        ((*CLUSTER, "--set", "operator.replicas=many"), "replicas"),
        (
            (*CLUSTER, "--set", "serviceMonitor.enabled=true"),
            "serviceMonitor.enabled.*monitoring.coreos.com/v1",
        ),
        (
            (*CLUSTER, "--set", "prometheusRule.enabled=true"),
            "prometheusRule.enabled.*monitoring.coreos.com/v1",
        ),
        ((*CLUSTER, "--set", "httpRoute.enabled=true"), "httpRoute"),
        ((*CLUSTER, "--set", "auth.mode=static"), "auth.tokensSecret is required"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_values_that_can_not_be_are_named_and_nothing_is_installed(
    commands: Commands, flags: tuple[str, ...], said: str, helm: int
) -> None:
    release = Release(commands, {})
    with pytest.raises(CommandError, match=f"(?s){said}"):
        release.helm("install", str(REPOSITORY / CHART), *flags, version=helm)
    assert (
        commands.helm(
            "list", "--all-namespaces", "--short", "--all" if helm == 3 else "--max=0", version=helm
        )
        == ""
    )
    assert not release.pods("operator")


@pytest.mark.parametrize("helm", [3, 4])
def test_a_kubernetes_that_is_too_old_is_named(commands: Commands, helm: int) -> None:
    flags = ("template", "lens", str(REPOSITORY / CHART), *CLUSTER, "--kube-version")
    with pytest.raises(CommandError, match=r"kubeVersion: >=1\.30\.0-0 .*1\.29\.9"):
        commands.helm(*flags, "1.29.9", version=helm)
    # Vendors' suffixes pass.
    assert commands.helm(*flags, "v1.30.4-gke.1134000", version=helm)


def test_a_secret_without_its_key_is_named(commands: Commands) -> None:
    commands.kubectl("-n", "lens", "create", "secret", "generic", "agents", "--from-literal=tokn=x")
    flags = (*CLUSTER, "--set", "agent.token.existingSecret=agents")
    with pytest.raises(CommandError, match="the Secret agents in the namespace lens has no key token"):
        Release(commands, {}).helm("install", str(REPOSITORY / CHART), *flags)
    commands.kubectl("-n", "lens", "delete", "secret", "agents")


def test_pods_wait_for_a_secret_that_is_not_there_yet_and_say_so(commands: Commands) -> None:
    release = Release(commands, {})
    release.helm("install", str(REPOSITORY / CHART), *CLUSTER, "--set", "agent.token.existingSecret=agents")
    try:
        eventually(
            lambda: 'secret "agents" not found' in release.kubectl("get", "events"),
            "event that names the Secret",
        )
        token = "--from-literal=token=a-token-that-both-of-them-know-and-nobody-else"
        release.kubectl("create", "secret", "generic", "agents", token)
        release.kubectl("rollout", "status", "deployment/lens", "--timeout=120s")
        release.kubectl("rollout", "status", "daemonset/lens-agent", "--timeout=120s")
    finally:
        release.uninstall()
        release.kubectl("delete", "secret", "agents")
