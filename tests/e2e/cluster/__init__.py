"""A real Kubernetes control plane on this machine, built from Go modules, with a fleet simulated by kwok.

    python -m tests.e2e.cluster up --nodes 200 --pods 2000
    kubectl --kubeconfig .cluster/kubeconfig get nodes
    python -m tests.e2e.cluster down

etcd, kube-apiserver, kube-scheduler and kube-controller-manager are the real ones; nodes, and what a kubelet
would do for their pods, are kwok's. Everything listens on 127.0.0.1 and keeps its files in `.cluster`.
"""
