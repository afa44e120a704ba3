"""The node itself runs a pod, which finds Services by name."""

from tests.e2e.cluster.programs.components import NODE
from tests.e2e.node.caller import calling_pod
from tests.e2e.node.commands import Commands


def test_a_pod_reaches_the_apiserver_by_the_name_of_its_service(commands: Commands) -> None:
    with calling_pod(commands, "default") as pod:
        said = commands.kubectl("exec", pod, "--", "curl", "-sk", "https://kubernetes.default/version")
    assert commands.get("node", NODE)["status"]["nodeInfo"]["kubeletVersion"] in said
