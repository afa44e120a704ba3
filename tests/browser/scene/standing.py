"""The cluster that most tests look at: something of everything that the page shows."""

from tests.browser.scene.manifests import A100, H100, Object, node, pod

IDLE = {"notebook-0", "notebook-1"}
"""The pods whose GPUs do nothing."""

REFUSED = (
    "0/6 nodes are available: 1 node(s) were unschedulable, 5 Insufficient nvidia.com/gpu. "
    "preemption: no victims."
)


def objects() -> list[Object]:
    """Return six nodes of 8 GPUs, of two products, with three namespaces' pods, and what waits.

    research holds 24 GPUs, ml 10 and web 2. n5 is cordoned, n6 is not ready, a GPU of n4 is broken.
    """
    nodes = [
        *(node(f"n{number}", product=H100) for number in (1, 2, 3)),
        node("n4", product=A100, healthy=7),
        node("n5", product=A100, cordoned=True),
        node("n6", product=A100, ready=False),
    ]
    pods = [
        *(pod(f"train-{number}", f"n{number}", 8, namespace="research") for number in (1, 2)),
        pod("train-3", "n3", 6, namespace="research"),
        *(pod(f"eval-{number}", "n4", 1, namespace="research") for number in (1, 2)),
        *(pod(f"notebook-{number}", "n4", 2, namespace="ml") for number in (0, 1)),
        pod("finetune-0", "n5", 6, namespace="ml"),
        *(pod(f"serve-{number}", "n6", 1, namespace="web") for number in (0, 1)),
    ]
    waiting = [
        pod("large-0", gpus=8, namespace="research", since=8_000, refused=REFUSED),
        pod("small-0", gpus=4, namespace="ml", since=300, refused=REFUSED),
        pod("gated-0", gpus=2, namespace="web", since=600, gates=("example.com/quota",)),
    ]
    return [*nodes, *pods, *waiting]
