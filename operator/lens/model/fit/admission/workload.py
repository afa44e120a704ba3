"""The pods that a manifest makes: a Pod, Kubernetes' workloads, and anything with pod templates.

Kinds whose fields multiply in a way of their own are known by name. In all others every pod template counts,
with the ``replicas`` or the ``count`` beside it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from lens.model.fit.admission.claim_quota import Adds, added, made_by
from lens.model.fit.admission.controller_labels import Owner, added_labels, labelled
from lens.model.fit.admission.json_values import Object, as_list, as_object
from lens.model.fit.admission.other_schedulers import by_metadata, decided_by
from lens.model.fit.admission.ray import SUBMITTER, head_template
from lens.model.fit.spec.claims import ALL, ClaimSpec, read_claim_spec
from lens.model.k8s.bounds import LONGEST_NAME, LONGEST_WORD, short

MOST_GROUPS = 32
"""Pod templates of one question."""

MOST_DEPTH = 12
"""Levels below which no pod template is looked for."""


class PodGroup(msgspec.Struct, frozen=True):
    """Equal pods. ``field`` is where their template stands, ``replicas`` None for one on each node."""

    name: str
    field: str
    template: Object
    replicas: int | None = 1
    also: tuple[str, ...] = ()
    """What belongs to them and isn't looked at."""
    owners: int = 1
    """Over how many Jobs, or groups of a LeaderWorkerSet, they are spread."""
    about_others: bool = False
    """Whether their rules are about labels of which only their controllers know the values."""
    unchecked: tuple[str, ...] = ()
    """What may keep them from starting, and no filter looks at."""


class Brought(msgspec.Struct, frozen=True):
    """What ResourceClaims and claims of ResourceClaimTemplates ask for that the documents bring, by name.

    ``objects`` is what the documents add to quotas on other objects than pods and claims.
    """

    claims: Mapping[str, ClaimSpec] = {}
    templates: Mapping[str, ClaimSpec] = {}
    objects: Adds = {}


NOTHING_BROUGHT = Brought()


class Workload(msgspec.Struct, frozen=True):
    """What is asked about: the pods of all documents, and the namespace that they name, if they do."""

    groups: tuple[PodGroup, ...]
    namespace: str | None
    brought: Brought = NOTHING_BROUGHT


def read_workload(documents: Iterable[object]) -> Workload:
    """Return the pods of the documents. Others, such as a ConfigMap, are beside the point.

    Raise ValueError, naming the field, for what can't be read.
    """
    groups: list[PodGroup] = []
    namespaces: set[str] = set()
    claims: dict[tuple[str, str], ClaimSpec] = {}
    templates: dict[tuple[str, str], ClaimSpec] = {}
    objects: list[tuple[str, Adds]] = []
    for number, document in enumerate(documents):
        for where, each in _flattened(document, f"[{number}]" if number else ""):
            if each["kind"] in (_CLAIM, _CLAIM_TEMPLATE) and _is_known(each):
                into = claims if each["kind"] == _CLAIM else templates
                key, spec = _read_claim(each, where)
                into[key] = spec
                if len(into) > MOST_GROUPS:
                    raise ValueError(f"there are more than {MOST_GROUPS} of kind {each['kind']}")
            found = tuple(_groups(each, where))
            made = made_by(each["kind"], _api_group(each), sum(group.owners for group in found))
            objects.append((_namespace(each), made))
            if found:
                namespaces.add(_text(as_object(each.get("metadata"), f"{where}metadata"), "namespace", where))
            groups += found
            if len(groups) > MOST_GROUPS:
                raise ValueError(f"there are more than {MOST_GROUPS} pod templates")
    if not groups:
        raise ValueError("there is no pod and no pod template")
    if sum(each.replicas or 0 for each in groups) > MOST_PODS:
        raise ValueError(f"there are more than {MOST_PODS} pods")
    if len(namespaces) > 1:
        raise ValueError("metadata.namespace: all have to be in one namespace")
    namespace = namespaces.pop()
    brought = Brought(
        _within(namespace, claims),
        _within(namespace, templates),
        added(*(adds for own, adds in objects if not own or not namespace or own == namespace)),
    )
    return Workload(tuple(groups), namespace or None, brought)


def _within(namespace: str, specs: Mapping[tuple[str, str], ClaimSpec]) -> dict[str, ClaimSpec]:
    """Return by name what is in a namespace, or may be: in none that is named."""
    return {name: spec for (own, name), spec in specs.items() if not own or not namespace or own == namespace}


def _namespace(each: Object) -> str:
    """Return the namespace that a document names; none for what is no name."""
    meta = each.get("metadata")
    named = meta.get("namespace") if isinstance(meta, dict) else None
    return named if isinstance(named, str) else ""


_CLAIM, _CLAIM_TEMPLATE = "ResourceClaim", "ResourceClaimTemplate"


def _read_claim(each: Object, where: str) -> tuple[tuple[str, str], ClaimSpec]:
    """Return the namespace and name of a claim or a template, and what it asks for."""
    meta = as_object(each.get("metadata"), f"{where}metadata")
    namespace, name = (_text(meta, part, f"{where}metadata") for part in ("namespace", "name"))
    if not name:
        raise ValueError(f"{where}metadata.name: it is required")
    spec, field = as_object(each.get("spec"), f"{where}spec"), f"{where}spec"
    if each["kind"] == _CLAIM_TEMPLATE:
        spec, field = as_object(spec.get("spec"), f"{field}.spec"), f"{field}.spec"
    try:
        read = read_claim_spec(msgspec.json.encode(spec))
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None
    for number, request in enumerate(read.requests):
        if any(one.mode != ALL and one.count < 1 for one in request.alternatives):
            raise ValueError(f"{field}.devices.requests[{number}]: its count is below 1")
    return (namespace, name), read


def _flattened(document: object, prefix: str, depth: int = 0) -> Iterator[tuple[str, Object]]:
    """Yield a document's objects: those of a List, or itself."""
    each = as_object(document, prefix or "the body")
    if each.get("kind") == "List" and "items" in each and depth < MOST_DEPTH:
        for number, item in enumerate(as_list(each["items"], f"{prefix}items")):
            yield from _flattened(item, f"{prefix}items[{number}]", depth + 1)
    elif each:
        if not isinstance(each.get("kind"), str):
            raise ValueError(f"{prefix}kind: it is required".lstrip("."))
        yield f"{prefix}." if prefix else "", each


def _groups(each: Object, where: str) -> Iterator[PodGroup]:
    kind = short(each["kind"], LONGEST_WORD)
    if kind == "Pod":
        decided = tuple(by_metadata(each.get("metadata")))
        yield PodGroup("Pod", where.rstrip("."), each, unchecked=decided)
        return
    if kind in _WITHOUT_PODS and _is_known(each):
        return
    spec = as_object(each.get("spec"), f"{where}spec")
    read = _KINDS.get(kind) if _is_known(each) else None
    meta, api_group = as_object(each.get("metadata"), f"{where}metadata"), _api_group(each)
    decided = (*["volumes"] * _claims_volumes(spec), *decided_by(each, api_group))
    owner = Owner(
        kind=kind if read is not None else f"{kind}.{api_group}",
        api_group=api_group,
        name=_text(meta, "name", f"{where}metadata"),
        place=where,
        manual=spec.get("manualSelector") is True,
    )
    for group in read(spec, f"{where}spec") if read is not None else _any(spec, f"{where}spec"):
        added = added_labels(owner, group.name, group.owners, group.field)
        template, about_others = labelled(group.template, added, group.field)
        yield msgspec.structs.replace(
            group,
            name=short(f"{kind} {group.name}".rstrip(), LONGEST_NAME),
            template=template,
            about_others=about_others,
            unchecked=(*decided, *by_metadata(template.get("metadata"))),
        )


def _claims_volumes(value: object) -> bool:
    """Tell whether a workload brings PersistentVolumeClaims, wherever its kind has them.

    StatefulSet and LeaderWorkerSet have ``volumeClaimTemplates``, JobSet ``volumeClaimPolicies``, and
    Volcano's Job a ``volumeClaim`` or a ``volumeClaimName`` for each volume.
    """
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            for key, inner in each.items():
                names_one = key == "volumeClaimName" or isinstance(inner, (dict, list))
                if inner and names_one and key.startswith("volumeClaim"):
                    return True
                left.append(inner)
        elif isinstance(each, list):
            left += each
    return False


_API_GROUPS = frozenset(
    {
        "",
        "apps",
        "batch",
        "extensions",
        "jobset.x-k8s.io",
        "leaderworkerset.x-k8s.io",
        "ray.io",
        "resource.k8s.io",
    }
)
"""The API groups of the kinds whose fields are known: Volcano has a Job of its own, and Knative a Service."""


def _is_known(each: Object) -> bool:
    return _api_group(each) in _API_GROUPS


def _api_group(each: Object) -> str:
    version = each.get("apiVersion")
    group, slash, _ = version.partition("/") if isinstance(version, str) else ("", "", "")
    return group if slash else ""


_WITHOUT_PODS = frozenset({"PodTemplate", "ResourceClaim", "ResourceClaimTemplate", "ConfigMap", "Service"})


def _replicated(spec: Object, where: str) -> Iterator[PodGroup]:
    yield PodGroup("", f"{where}.template", _template(spec, where), _count(spec, "replicas", where, 1))


def _daemon_set(spec: Object, where: str) -> Iterator[PodGroup]:
    yield PodGroup("", f"{where}.template", _template(spec, where), None)


def _job(spec: Object, where: str, times: int = 1, name: str = "") -> Iterator[PodGroup]:
    parallelism = _count(spec, "parallelism", where, 1)
    if spec.get("completions") is not None:
        parallelism = min(parallelism, _count(spec, "completions", where, 1))
    yield PodGroup(name, f"{where}.template", _template(spec, where), times * parallelism, owners=times)


def _cron_job(spec: Object, where: str) -> Iterator[PodGroup]:
    template = as_object(spec.get("jobTemplate"), f"{where}.jobTemplate")
    where = f"{where}.jobTemplate.spec"
    yield from _job(as_object(template.get("spec"), where), where)


def _job_set(spec: Object, where: str) -> Iterator[PodGroup]:
    for number, job in enumerate(as_list(spec.get("replicatedJobs"), f"{where}.replicatedJobs")):
        at = f"{where}.replicatedJobs[{number}]"
        job = as_object(job, at)
        template = as_object(job.get("template"), f"{at}.template")
        yield from _job(
            as_object(template.get("spec"), f"{at}.template.spec"),
            f"{at}.template.spec",
            _count(job, "replicas", at, 1),
            _text(job, "name", at),
        )


def _leader_workers(spec: Object, where: str) -> Iterator[PodGroup]:
    groups, at = _count(spec, "replicas", where, 1), f"{where}.leaderWorkerTemplate"
    both = as_object(spec.get("leaderWorkerTemplate"), at)
    size = _count(both, "size", at, 1)
    workers = size
    if both.get("leaderTemplate") is not None:
        workers = size - 1
        yield PodGroup(
            "leader", f"{at}.leaderTemplate", _pod(both, "leaderTemplate", at), groups, owners=groups
        )
    if workers > 0:
        template = _pod(both, "workerTemplate", at)
        yield PodGroup("worker", f"{at}.workerTemplate", template, groups * workers, owners=groups)


def _ray_cluster(
    spec: Object, where: str, also: tuple[str, ...] = (), beside_head: tuple[Object, ...] = ()
) -> Iterator[PodGroup]:
    at = f"{where}.headGroupSpec"
    template = _template(as_object(spec.get("headGroupSpec"), at), at)
    yield PodGroup("head", f"{at}.template", head_template(template, spec, where, beside_head), 1, also)
    for number, group in enumerate(as_list(spec.get("workerGroupSpecs"), f"{where}.workerGroupSpecs")):
        at = f"{where}.workerGroupSpecs[{number}]"
        group = as_object(group, at)
        # KubeRay: without replicas the least, and never fewer than that or more than the most.
        least = _count(group, "minReplicas", at, 0)
        replicas = max(least, _count(group, "replicas", at, least))
        if group.get("maxReplicas") is not None:
            replicas = min(replicas, max(least, _count(group, "maxReplicas", at, replicas)))
        hosts = _count(group, "numOfHosts", at, 1)
        if replicas * hosts:
            name = _text(group, "groupName", at)
            yield PodGroup(name, f"{at}.template", _template(group, at), replicas * hosts)


def _ray_job(spec: Object, where: str) -> Iterator[PodGroup]:
    submitter = spec.get("submitterPodTemplate")
    mode = spec.get("submissionMode", "K8sJobMode")
    unknown = submitter is None and mode == "K8sJobMode"
    at = f"{where}.rayClusterSpec"
    in_head = (SUBMITTER,) * (mode == "SidecarMode")
    also = ("ray_submitter",) * unknown
    yield from _ray_cluster(as_object(spec.get("rayClusterSpec"), at), at, also, in_head)
    if submitter is not None and not in_head:
        at = f"{where}.submitterPodTemplate"
        yield PodGroup("submitter", at, _pod(spec, "submitterPodTemplate", where))


def _ray_service(spec: Object, where: str) -> Iterator[PodGroup]:
    at = f"{where}.rayClusterConfig"
    yield from _ray_cluster(as_object(spec.get("rayClusterConfig"), at), at)


_KINDS: Mapping[str, Callable[[Object, str], Iterator[PodGroup]]] = {
    "Deployment": _replicated,
    "ReplicaSet": _replicated,
    "StatefulSet": _replicated,
    "ReplicationController": _replicated,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "CronJob": _cron_job,
    "JobSet": _job_set,
    "LeaderWorkerSet": _leader_workers,
    "RayCluster": _ray_cluster,
    "RayJob": _ray_job,
    "RayService": _ray_service,
}


def _any(value: object, where: str, depth: int = 0, name: str = "") -> Iterator[PodGroup]:
    """Yield every pod template below a value, such as those of PyTorchJob's replica types."""
    if depth > MOST_DEPTH:
        return
    if isinstance(value, list):
        for number, each in enumerate(value):
            label = each.get("name") if isinstance(each, dict) else None
            yield from _any(each, f"{where}[{number}]", depth + 1, label if isinstance(label, str) else name)
    elif isinstance(value, dict):
        for key, each in value.items():
            if _is_template(key, each):
                # A pod set of Kueue's Workload has a count.
                replicas = _count(value, "replicas", where, _count(value, "count", where, 1))
                yield PodGroup(name, f"{where}.{key}", each, replicas)
            else:
                is_type = isinstance(each, dict) and "template" in each
                yield from _any(each, f"{where}.{key}", depth + 1, key if is_type else name)


def _is_template(key: str, value: object) -> bool:
    if not key.lower().endswith("template") or not isinstance(value, dict):
        return False
    spec = value.get("spec")
    return isinstance(spec, dict) and isinstance(spec.get("containers"), list)


def _template(spec: Object, where: str) -> Object:
    return _pod(spec, "template", where)


def _pod(parent: Object, name: str, where: str) -> Object:
    where = f"{where}.{name}"
    template = as_object(parent.get(name), where)
    spec = as_object(template.get("spec"), f"{where}.spec")
    if not as_list(spec.get("containers"), f"{where}.spec.containers"):
        raise ValueError(f"{where}.spec.containers: it is required")
    return template


def _text(parent: Object, name: str, where: str) -> str:
    value = parent.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise ValueError(f"{where}.{name}: it isn't a name".lstrip("."))
    return value


MOST_PODS = 10_000
"""Pods that can be asked about: of a group, and of all together."""


def _count(parent: Object, name: str, where: str, default: int) -> int:
    value = parent.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_PODS:
        raise ValueError(f"{where}.{name}: it isn't a number from 0 to {MOST_PODS}")
    return value
