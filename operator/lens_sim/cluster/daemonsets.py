"""The simulated DaemonSets: each has a pod on every node that it was made for."""

from collections.abc import Sequence
from dataclasses import dataclass

from lens_sim.cluster.pods import Owner, Pod
from lens_sim.objects.resources import Object
from lens_sim.objects.timestamps import rfc3339


@dataclass(frozen=True)
class DaemonSet:
    """A DaemonSet, as its pods name it, and its pods, which are of one kind."""

    owner: Owner
    pods: Sequence[Pod]

    def manifest(self) -> Object:
        """Return the DaemonSet object."""
        first = self.pods[0]
        pod = first.manifest()
        scheduled, ready = len(self.pods), sum(pod.ready for pod in self.pods)
        return {
            "metadata": {
                "name": self.owner.name,
                "namespace": first.namespace,
                "uid": self.owner.uid,
                "creationTimestamp": rfc3339(first.created),
                "labels": first.labels,
            },
            "spec": {
                "selector": {"matchLabels": first.labels},
                "template": {
                    "metadata": {"labels": first.labels},
                    "spec": {name: value for name, value in pod["spec"].items() if name != "nodeName"},
                },
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            },
            "status": {
                "observedGeneration": 1,
                "desiredNumberScheduled": scheduled,
                "currentNumberScheduled": scheduled,
                "updatedNumberScheduled": scheduled,
                "numberMisscheduled": 0,
                "numberReady": ready,
                "numberAvailable": ready,
                "numberUnavailable": scheduled - ready,
            },
        }
