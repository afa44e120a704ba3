"""A reflector of pods by itself, with a ledger of its own."""

from collections.abc import Callable

from lens.kube.watch.reflector import Reflector
from lens.metrics import Metrics
from lens.model.gpu.exporters import ExporterPod
from lens.model.inventory.decoding.kinds import pod_decoder
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.pod import Pod, PodKey
from lens.model.inventory.store import Store
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy


def pods_reflector(
    clock: Callable[[], float] = lambda: 0.0, on_progress: Callable[[bool], None] = lambda _changed: None
) -> Reflector[PodKey, Pod | ExporterPod]:
    """Return one; ``on_progress`` is called with whether anything has changed."""
    ledger = Ledger(TaintPolicy(), None)
    return Reflector(
        "pods",
        "Pod",
        pod_decoder(GpuResources(), None),
        Store(ledger.pods, ledger.put_pod),
        Metrics(),
        clock,
        on_progress,
    )
