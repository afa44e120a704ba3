"""The operator runs where Pod Security `restricted` is enforced; the agent has a namespace of its own."""

from collections.abc import Iterator

import pytest

from tests.e2e.node.commands import CommandError, Commands, eventually
from tests.e2e.node.host.gpus import COUNT, Gpus
from tests.e2e.node.release import STATUS, Caller, Release, binding, fast

ENFORCED = {"lens": "restricted", "lens-agent": "privileged"}


@pytest.fixture(scope="module", autouse=True)
def namespaces(commands: Commands) -> Iterator[None]:
    """Have namespaces that enforce what they say, and warn of what `restricted` forbids."""
    for name, level in ENFORCED.items():
        label = {"pod-security.kubernetes.io/enforce": level}
        metadata = {"name": name, "labels": label}
        commands.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield
    commands.kubectl("label", "namespace", "lens", "pod-security.kubernetes.io/enforce-")
    commands.kubectl("delete", "namespace", "lens-agent")


def test_an_agent_where_it_is_forbidden_is_refused_with_the_way_out(commands: Commands, gpus: Gpus) -> None:
    with pytest.raises(
        CommandError, match=r"the namespace lens enforces Pod Security restricted.*agent\.namespace"
    ):
        Release(commands, fast(gpus.values())).helm(
            "install", "charts/lens", "--set", "cluster=prod-cluster", "--set", "image.repository=lens"
        )


def test_both_run_each_in_its_namespace_and_the_chart_s_test_passes(commands: Commands, gpus: Gpus) -> None:
    release = Release(commands, fast(gpus.values() | {"namespace": "lens-agent"}))
    with release.installed() as said:
        assert "would violate PodSecurity" not in said
        assert len(release.pods("operator")) == 2
        assert len(release.pods("agent", "lens-agent")) == 1
        assert not release.pods("agent")
        assert "Succeeded" in release.helm("test")
        commands.apply(binding("guard"))
        guard = Caller.create(release, "guard")
        eventually(
            lambda: [told["telemetry"]["nodes"]["ok"] for told in guard.everywhere(STATUS)] == [1, 1],
            "telemetry from the other namespace",
        )
        assert guard.data(STATUS)["current_gpu_usage"]["total_gpus"] == COUNT


def test_the_operator_runs_with_a_read_only_root_as_nobody_and_ends_well(
    commands: Commands, gpus: Gpus
) -> None:
    release = Release(commands, {"telemetry": {"source": "none"}})
    with release.installed():
        one, *_ = release.pods("operator")
        name = one["metadata"]["name"]
        say = (
            "import os; print(os.getuid(), os.getpid() != 1, os.access('/', os.W_OK),"
            " open('/proc/1/cmdline').read().split(chr(0))[1:3])"
        )
        said = release.kubectl("exec", name, "--", "python3", "-c", say)
        assert said.strip() == "65532 True False ['/opt/lens/bin/lens', 'serve']"
        processes = "import os; print(sum(name.isdigit() for name in os.listdir('/proc')))"
        assert release.kubectl("exec", name, "--", "python3", "-c", processes).strip() == "2"  # and this one
        # As the first process it would be deaf to signals that it doesn't take.
        waiting = ("--output=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}",)
        commands.kubectl("-n", "lens", "delete", "pod", name, "--wait=false")
        codes: list[str] = []

        def ended() -> bool:
            try:
                code = release.kubectl("get", "pod", name, *waiting).strip()
            except CommandError:
                return True
            codes.extend([code] if code else [])
            return bool(code)

        assert eventually(ended, "end of the pod", every_s=0.05) < 15
        assert set(codes) <= {"0"}
