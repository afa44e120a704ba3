"""A real node under the real control plane: kubelet, containerd, CNI, kube-proxy; and Lens installed on it.

    python -m tests.e2e.node -k upgrade

Everything runs in namespaces of its own (network, mounts, processes) and is gone when the tests are. It takes
root and a few of Debian's packages; `prerequisites` says which are missing.
"""
