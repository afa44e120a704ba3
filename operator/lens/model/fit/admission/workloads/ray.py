"""KubeRay's RayCluster, RayJob and RayService, with the containers that it adds to the head's pod.

Source: BuildAutoscalerContainer, and getSubmitterContainer for the mode SidecarMode, of KubeRay 1.5.
"""

from collections.abc import Iterator, Mapping

from lens.model.fit.admission.json_values import Object, as_list, as_object
from lens.model.fit.admission.workloads.fields import count_field, name_field, pod_template
from lens.model.fit.admission.workloads.pod_group import PodGroup

_AUTOSCALER = {"cpu": "500m", "memory": "512Mi"}

_SUBMITTER: Object = {
    "name": "ray-job-submitter",
    "resources": {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "500m", "memory": "200Mi"},
    },
}
"""The container that submits a RayJob."""


def _head_template(template: Object, cluster: Object, where: str, more: tuple[Object, ...] = ()) -> Object:
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


def ray_cluster_pods(
    spec: Object, where: str, also: tuple[str, ...] = (), beside_head: tuple[Object, ...] = ()
) -> Iterator[PodGroup]:
    """Yield the head, with the containers ``beside_head``, and the workers of a RayCluster."""
    at = f"{where}.headGroupSpec"
    template = pod_template(as_object(spec.get("headGroupSpec"), at), "template", at)
    yield PodGroup("head", f"{at}.template", _head_template(template, spec, where, beside_head), 1, also)
    for number, group in enumerate(as_list(spec.get("workerGroupSpecs"), f"{where}.workerGroupSpecs")):
        at = f"{where}.workerGroupSpecs[{number}]"
        group = as_object(group, at)
        if group.get("suspend") is True:
            continue
        # KubeRay: without replicas the least, and never fewer than that or more than the most.
        least = count_field(group, "minReplicas", at, 0)
        replicas = max(least, count_field(group, "replicas", at, least))
        if group.get("maxReplicas") is not None:
            replicas = min(replicas, max(least, count_field(group, "maxReplicas", at, replicas)))
        hosts = count_field(group, "numOfHosts", at, 1)
        if replicas * hosts:
            name = name_field(group, "groupName", at)
            yield PodGroup(name, f"{at}.template", pod_template(group, "template", at), replicas * hosts)


def ray_job_pods(spec: Object, where: str) -> Iterator[PodGroup]:
    """Yield the pods of a RayJob's cluster, and the submitter's if its template is given."""
    submitter = spec.get("submitterPodTemplate")
    mode = spec.get("submissionMode", "K8sJobMode")
    unknown = submitter is None and mode == "K8sJobMode"
    at = f"{where}.rayClusterSpec"
    in_head = (_SUBMITTER,) * (mode == "SidecarMode")
    also = ("ray_submitter",) * unknown
    yield from ray_cluster_pods(as_object(spec.get("rayClusterSpec"), at), at, also, in_head)
    if submitter is not None and not in_head:
        at = f"{where}.submitterPodTemplate"
        yield PodGroup("submitter", at, pod_template(spec, "submitterPodTemplate", where))


def ray_service_pods(spec: Object, where: str) -> Iterator[PodGroup]:
    """Yield the pods of a RayService's cluster."""
    at = f"{where}.rayClusterConfig"
    yield from ray_cluster_pods(as_object(spec.get("rayClusterConfig"), at), at)
