"""The files that containerd, its CNI plugins, the kubelet, kube-proxy and CoreDNS are configured with."""

import json
from pathlib import Path

from tests.e2e.cluster.control_plane import DIRECTORY
from tests.e2e.cluster.programs.components import NODE
from tests.e2e.node.host import images
from tests.e2e.node.host.inside import ADDRESS, BRIDGE, PODS

CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
DOMAIN = "cluster.local"

GPU_LABEL = "nvidia.com/gpu.present"
"""As NVIDIA's GPU feature discovery labels nodes that have any."""

CONTAINERD = f"""\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{images.PAUSE}"

[plugins."io.containerd.cri.v1.runtime"]
# In a container, where such a machine may be, nobody may lower a score.
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{DIRECTORY / "bin"}"]
conf_dir = "{{folder}}/cni"
"""

CNI = {
    "cniVersion": "1.0.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": PODS, "rangeStart": "10.88.1.1", "gateway": ADDRESS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}


def kubelet(cgroup: str) -> dict[str, object]:
    """Return a KubeletConfiguration for one that keeps to `cgroup`."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "healthzBindAddress": "127.0.0.1",
        # Nobody but the apiserver and these tests is in this network.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "clusterDNS": [ADDRESS],
        "clusterDomain": DOMAIN,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "enforceNodeAllocatable": [],
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,  # images that are gone can't be pulled here
        "localStorageCapacityIsolation": False,
        "resolvConf": "",
        "syncFrequency": "10s",  # how soon a Secret that changed is in its volumes; 1 min by default
    }


KUBE_PROXY: dict[str, object] = {
    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
    "kind": "KubeProxyConfiguration",
    "hostnameOverride": NODE,
    "clusterCIDR": PODS,
    "mode": "iptables",
    "healthzBindAddress": "127.0.0.1:10256",
    "metricsBindAddress": "127.0.0.1:10249",
    # A pod's answer to its neighbour on the bridge would go past what was redirected.
    "iptables": {"masqueradeAll": True},
    # The table is the whole machine's, and not for a network namespace to size.
    "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
}

COREFILE = f"""\
.:53 {{{{
    bind {ADDRESS}
    errors
    ready 127.0.0.1:8181
    kubernetes {DOMAIN} {{{{
        kubeconfig {{kubeconfig}}
    }}}}
}}}}
"""


def write(folder: Path, kubeconfigs: dict[str, Path], cgroup: str) -> None:
    """Write all of them to `folder`."""
    (folder / "cni").mkdir(parents=True)
    (folder / "cni" / "10-pods.conflist").write_text(json.dumps(CNI))
    (folder / "containerd.toml").write_text(CONTAINERD.format(folder=folder))
    (folder / "kubelet.json").write_text(json.dumps(kubelet(cgroup)))
    proxy = KUBE_PROXY | {"clientConnection": {"kubeconfig": str(kubeconfigs["kube-proxy"])}}
    (folder / "kube-proxy.json").write_text(json.dumps(proxy))
    (folder / "Corefile").write_text(COREFILE.format(kubeconfig=kubeconfigs["admin"]))


def commands(folder: Path, kubeconfigs: dict[str, Path]) -> dict[str, list[str]]:
    """Return the command line of each of the node's programs, in the order in which they start."""
    programs = DIRECTORY / "bin"
    return {
        "containerd": [str(programs / "containerd"), "--config", f"{folder}/containerd.toml"],
        "kubelet": [
            str(programs / "kubelet"),
            f"--config={folder}/kubelet.json",
            f"--kubeconfig={kubeconfigs['kubelet']}",
            f"--hostname-override={NODE}",
            f"--node-ip={ADDRESS}",
            f"--node-labels={GPU_LABEL}=true",
        ],
        "kube-proxy": [str(programs / "kube-proxy"), f"--config={folder}/kube-proxy.json"],
        "coredns": [str(programs / "coredns"), "-conf", f"{folder}/Corefile"],
    }
