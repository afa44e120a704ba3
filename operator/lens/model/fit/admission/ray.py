"""The containers that KubeRay adds to the pod of a Ray cluster's head.

Source: BuildAutoscalerContainer, and getSubmitterContainer for the mode SidecarMode, of KubeRay 1.5.
"""

from collections.abc import Mapping

from lens.model.fit.admission.json_values import Object, as_list, as_object

_AUTOSCALER = {"cpu": "500m", "memory": "512Mi"}

SUBMITTER: Object = {
    "name": "ray-job-submitter",
    "resources": {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "500m", "memory": "200Mi"},
    },
}
"""The container that submits a RayJob."""


def head_template(template: Object, cluster: Object, where: str, more: tuple[Object, ...] = ()) -> Object:
    """Return the pod template of a head with ``more`` containers, and the autoscaler if the cluster has it.

    Raise ValueError, naming the field, for what can't be read.
    """
    if cluster.get("enableInTreeAutoscaling") is True:
        more = (*more, _autoscaler(cluster, where))
    if not more:
        return template
    spec = as_object(template.get("spec"), f"{where}.headGroupSpec.template.spec")
    containers = as_list(spec.get("containers"), f"{where}.headGroupSpec.template.spec.containers")
    return {**template, "spec": {**spec, "containers": [*containers, *more]}}


def _autoscaler(cluster: Object, where: str) -> Object:
    options = as_object(cluster.get("autoscalerOptions"), f"{where}.autoscalerOptions")
    resources: Mapping[str, object] = {"limits": _AUTOSCALER, "requests": _AUTOSCALER}
    if options.get("resources") is not None:
        resources = as_object(options["resources"], f"{where}.autoscalerOptions.resources")
    return {"name": "autoscaler", "resources": resources}
