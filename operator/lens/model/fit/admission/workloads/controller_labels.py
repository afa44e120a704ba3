"""The labels that controllers give their pods, in addition to those of the template.

Rules between pods may be about them: a pod may have to be near those of its own Job, or apart from them.
Sources: pkg/registry/batch/job/strategy.go and pkg/controller in Kubernetes 1.37; labelAndAnnotateObject of
JobSet; the labels in LeaderWorkerSet's reference; labelPod of KubeRay; createNewPod of Kubeflow's operator.
"""

from collections.abc import Iterator, Mapping
from zlib import crc32

import msgspec

from lens.model.fit.admission.json_values import Object, as_object
from lens.model.fit.admission.label_keys import REQUIRED

_JOB = "batch.kubernetes.io"
_JOB_KEYS = (_JOB, "job-name", "controller-uid")
_SET_KEYS = ("apps.kubernetes.io", "statefulset.kubernetes.io", "controller-revision-hash")
_JOBSET, _LWS, _RAY, _KUBEFLOW = (
    "jobset.sigs.k8s.io",
    "leaderworkerset.sigs.k8s.io",
    "ray.io",
    "training.kubeflow.org",
)
_ANY = (*_JOB_KEYS, *_SET_KEYS, "pod-template-hash", _JOBSET, _LWS, _RAY, _KUBEFLOW)


class Owner(msgspec.Struct, frozen=True):
    """An object that owns pods. Its ``name`` may be made later. ``place`` is its position in the manifest.

    ``manual``: it is a Job whose manifest has all labels (``manualSelector``).
    """

    kind: str
    api_group: str
    name: str
    place: str
    manual: bool = False


class Added(msgspec.Struct, frozen=True):
    """The ``labels`` that all the pods get, and ``others``: keys, or domains of keys, with unknown values.

    ``template_first``: a label of the template stays.
    """

    labels: Mapping[str, str] = {}
    others: tuple[str, ...] = ()
    template_first: bool = False


def added_labels(owner: Owner, group: str, number: int, field: str) -> Added:
    """Return what an owner adds to the labels of the pods of a template.

    ``group`` tells its templates apart, ``number`` is over how many Jobs, or groups of a LeaderWorkerSet, the
    pods are spread, ``field`` is where the template stands.
    """
    name, mark = owner.name or _made_up(owner.place), _made_up(field)
    match owner.kind:
        case "ReplicaSet" | "ReplicationController":
            return Added()
        case "Deployment":
            return Added({"pod-template-hash": mark})
        case "DaemonSet":
            return Added({"controller-revision-hash": mark, "pod-template-generation": "1"})
        case "StatefulSet":
            return Added({"controller-revision-hash": mark}, _SET_KEYS)
        case "Job" if owner.manual:
            return Added({}, (f"{_JOB}/job-completion-index",))
        case "Job":
            return Added(_of_job(name, mark), _JOB_KEYS)
        case "CronJob":
            return Added(_of_job(mark, mark), _JOB_KEYS)
        case "JobSet":
            return Added(_of_job_set(name, owner.place, group, number, mark), (_JOBSET, *_JOB_KEYS))
        case "LeaderWorkerSet":
            leads = {f"{_LWS}/worker-index": "0"} if group == "leader" else {}
            return Added({f"{_LWS}/name": name, **leads}, (_LWS, *_SET_KEYS))
        case "RayJob" | "RayService" if group == "submitter":
            return Added(_of_job(name, mark), (*_JOB_KEYS, _RAY))
        case "RayCluster" | "RayJob" | "RayService":
            cluster = name if owner.kind == "RayCluster" else _made_up(owner.place)
            return Added(_of_ray(cluster, group), (_RAY,), template_first=True)
    if owner.api_group == "kubeflow.org":
        return Added(_of_kubeflow(owner, name, group), _ANY)
    # Labels of unknown kinds begin with the kind's domain, or are those of the objects that it owns.
    domain = ".".join(owner.api_group.split(".")[-2:])
    return Added({}, (*_ANY, domain) if domain else _ANY)


def labelled(template: Object, added: Added, field: str) -> tuple[Object, bool]:
    """Return a template with the added labels, and whether its rules select labels with unknown values.

    Raise ValueError, naming the field, for what can't be read.
    """
    meta = as_object(template.get("metadata"), f"{field}.metadata")
    own = as_object(meta.get("labels"), f"{field}.metadata.labels")
    labels = {**added.labels, **own} if added.template_first else {**own, **added.labels}
    about_others = any(
        key not in labels and _is_one_of(key, added.others) for key in _rule_keys(template.get("spec"))
    )
    if added.labels:
        template = {**template, "metadata": {**meta, "labels": labels}}
    return template, about_others


def _of_job(name: str, uid: str) -> dict[str, str]:
    return {f"{_JOB}/job-name": name, "job-name": name, f"{_JOB}/controller-uid": uid, "controller-uid": uid}


def _of_job_set(name: str, place: str, group: str, number: int, mark: str) -> dict[str, str]:
    labels = {
        f"{_JOBSET}/jobset-name": name,
        f"{_JOBSET}/jobset-uid": _made_up(place),
        f"{_JOBSET}/replicatedjob-name": group,
        f"{_JOBSET}/replicatedjob-replicas": str(number),
        f"{_JOBSET}/restart-attempt": "0",
    }
    if number == 1:
        labels |= {f"{_JOBSET}/job-index": "0", f"{_JOBSET}/job-key": mark}
        labels |= _of_job(f"{name}-{group}-0", mark)
    return labels


def _of_kubeflow(owner: Owner, name: str, group: str) -> dict[str, str]:
    labels = {f"{_KUBEFLOW}/job-name": name}
    if not owner.kind.startswith("MPIJob."):
        labels[f"{_KUBEFLOW}/replica-type"] = group.lower()
    return labels


def _of_ray(cluster: str, group: str) -> dict[str, str]:
    is_head = group == "head"
    node_type = "head" if is_head else "worker"
    return {
        f"{_RAY}/cluster": cluster,
        f"{_RAY}/node-type": node_type,
        f"{_RAY}/group": "headgroup" if is_head else group,
        f"{_RAY}/identifier": f"{cluster}-{node_type}",
        f"{_RAY}/is-ray-node": "yes",
        "app.kubernetes.io/name": "kuberay",
        "app.kubernetes.io/created-by": "kuberay-operator",
    }


def _made_up(place: str) -> str:
    """Return a unique value, for an object that doesn't exist yet."""
    return f"made-up-{crc32(place.encode()):08x}"


def _is_one_of(key: str, names: tuple[str, ...]) -> bool:
    domain = key.partition("/")[0]
    return key in names or any(domain == each or domain.endswith(f".{each}") for each in names)


def _rule_keys(spec: object) -> Iterator[str]:
    """Yield the keys of pods' labels that the pod's required rules select."""
    for rule in _rules(_object(spec)):
        selector = _object(rule.get("labelSelector"))
        yield from _object(selector.get("matchLabels"))
        expressions = _list(selector.get("matchExpressions"))
        keys = [_object(each).get("key") for each in expressions]
        for each in (*keys, *_list(rule.get("matchLabelKeys")), *_list(rule.get("mismatchLabelKeys"))):
            if isinstance(each, str):
                yield each


def _rules(spec: Object) -> Iterator[Object]:
    affinity = _object(spec.get("affinity"))
    for kind in ("podAffinity", "podAntiAffinity"):
        yield from map(_object, _list(_object(affinity.get(kind)).get(REQUIRED)))
    for each in map(_object, _list(spec.get("topologySpreadConstraints"))):
        if each.get("whenUnsatisfiable") == "DoNotSchedule":
            yield each


def _object(value: object) -> Object:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
