"""Claims, classes, templates and taint rules as the fit engine reads them."""

from functools import lru_cache
from sys import intern

import msgspec

from lens.model.fit.dra.devices import DeviceTaint, NodeChoice
from lens.model.fit.spec.claims import ClaimSpec, SelectorManifest, read_claim_spec, read_selectors
from lens.model.fit.spec.node_selectors import NodeAffinityManifest, NodeSelectorManifest, read_node_selector
from lens.model.inventory.objects import claim as claims
from lens.model.inventory.objects.claim import AllocatedDevice, Claim
from lens.model.k8s import timestamps
from lens.model.k8s.bounds import LONGEST_NAME, LONGEST_RESOURCE
from lens.model.k8s.decoder import decoder
from lens.model.k8s.dra.devices import MAX_SHARED_BYTES
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.dra.objects import ClaimManifest, TaintRuleManifest, TaintSelector, names_only
from lens.model.k8s.objects import Manifest, ObjectMeta
from lens.model.k8s.taints import REPELLING_EFFECTS


class FitClaim(msgspec.Struct, frozen=True, gc=False):
    """A ResourceClaim. An ``allocated`` one can be used on its ``nodes``, None for any.

    ``owner`` is the uid of its controller. ``failed`` says whether a device's binding has, and ``waits``
    whether one waits for its binding conditions. ``node_choices`` have to match too, where a replica has just
    got it.
    """

    namespace: str
    name: str
    spec: ClaimSpec
    owner: str = ""
    deleted: bool = False
    allocated: bool = False
    nodes: NodeChoice | None = None
    held: tuple[AllocatedDevice, ...] = ()
    failed: bool = False
    waits: bool = False
    skips_node_operations: bool = False
    node_choices: tuple[NodeChoice, ...] = ()


class FitClass(msgspec.Struct, frozen=True, gc=False):
    """A DeviceClass: what its devices match, the extended resource that it serves, whether it is of GPUs."""

    name: str
    selectors: tuple[str, ...]
    extended_resource: str = ""
    created_at: int = 0
    gpus: bool = False


class FitTaintRule(msgspec.Struct, frozen=True, gc=False):
    """A DeviceTaintRule: a taint of the devices that it selects; None is any."""

    name: str
    taint: DeviceTaint | None
    driver: str | None = None
    pool: str | None = None
    device: str | None = None

    def matches(self, driver: str, pool: str) -> bool:
        """Return whether the rule is for devices of a pool."""
        return self.driver in (None, driver) and self.pool in (None, pool)


_claim = msgspec.json.Decoder(ClaimManifest).decode
_selector = msgspec.json.Decoder(NodeSelectorManifest | None).decode
_any_driver = GpuDrivers(["*"])


def read_claim(document: bytes) -> FitClaim:
    """Return a claim. Raise ValueError, naming the field, for what can't be read."""
    try:
        manifest = _claim(document)
        return claim_of(manifest, claims.read_claim(manifest, _any_driver))
    except RecursionError:
        raise ValueError("the claim is nested too deep") from None


def claim_of(manifest: ClaimManifest, claim: Claim) -> FitClaim:
    """Return a claim, which the figures read as ``claim``. Raise ValueError or RecursionError if it's odd."""
    if claim.problem is not None:
        raise ValueError(claim.problem)
    allocation, results = manifest.status.allocation, claim.results
    failed = waits = skips_node_operations = False
    for each in results:
        # The first device that isn't ready decides (``isClaimReadyForBinding``).
        if not (failed or waits):
            failed, waits = bool(each.failed), bool(each.waits_for) and not each.failed
        skips_node_operations = skips_node_operations or each.skips_node_operations
    return FitClaim(
        namespace=claim.namespace,
        name=claim.name,
        spec=read_claim_spec(bytes(manifest.spec)),
        owner=_controller(manifest.metadata),
        deleted=claim.terminating,
        allocated=claim.allocated,
        nodes=_nodes(allocation.node_selector, claim.node)
        if allocation and allocation.node_selector
        else None,
        held=results
        if len(results) == len(claim.devices)
        else tuple([each for each in results if not each.admin_access]),
        failed=failed,
        waits=waits,
        skips_node_operations=skips_node_operations,
    )


def _controller(meta: ObjectMeta) -> str:
    for each in meta.owner_references or ():
        if each.controller:
            return each.uid
    return ""


def _read_nodes(raw: bytes) -> NodeChoice | None:
    selector = _selector(raw)
    if selector is None:
        return None
    return NodeChoice(selector=read_node_selector(None, NodeAffinityManifest(selector)))


_shared_nodes = lru_cache(maxsize=1024)(_read_nodes)
_one_node = lru_cache(maxsize=8192)(NodeChoice)


def _nodes(selector: msgspec.Raw, node: str | None) -> NodeChoice | None:
    """Return which nodes a selector selects. It names ``node``, if there is one."""
    if node and names_only(selector, node):
        return _one_node(node)
    raw = bytes(selector)
    return (_shared_nodes if len(raw) <= MAX_SHARED_BYTES else _read_nodes)(raw)


class _ClassSpecManifest(Manifest):
    selectors: list[SelectorManifest] | None = None
    extended_resource_name: str | None = None


class _ClassManifest(Manifest):
    metadata: ObjectMeta
    spec: _ClassSpecManifest = msgspec.field(default_factory=_ClassSpecManifest)


_class = decoder(_ClassManifest, "the class")


def read_class(document: bytes) -> FitClass:
    """Return a class. Raise ValueError, naming the field, for what can't be read."""
    manifest = _class(document)
    resource = manifest.spec.extended_resource_name or ""
    if len(resource) > LONGEST_RESOURCE:
        raise ValueError(f"spec.extendedResourceName: {len(resource)} characters")
    return FitClass(
        _name(manifest.metadata.name),
        read_selectors(manifest.spec.selectors),
        intern(resource),
        timestamps.parse(manifest.metadata.creation_timestamp) or 0,
    )


_rule = decoder(TaintRuleManifest, "the rule")


def read_taint_rule(document: bytes) -> FitTaintRule:
    """Return a rule. Raise ValueError, naming the field, for what can't be read."""
    manifest = _rule(document)
    spec, selector = manifest.spec, manifest.spec.device_selector
    if selector is not None and (selector.device_class_name is not None or selector.selectors):
        raise ValueError("spec.deviceSelector: it selects by a class or in CEL, as only v1alpha3 does")
    # A rule without a selector is for no device, and only some effects repel.
    repels = selector is not None and spec.taint.effect in REPELLING_EFFECTS
    selector = selector or TaintSelector()
    return FitTaintRule(
        manifest.metadata.name,
        DeviceTaint(_name(spec.taint.key), _name(spec.taint.value or ""), intern(spec.taint.effect))
        if repels
        else None,
        selector.driver,
        selector.pool,
        selector.device,
    )


class _TemplateSpecManifest(Manifest):
    spec: msgspec.Raw = msgspec.Raw()


class _TemplateManifest(Manifest):
    metadata: ObjectMeta
    spec: _TemplateSpecManifest = msgspec.field(default_factory=_TemplateSpecManifest)


_template = decoder(_TemplateManifest, "the template")


def read_claim_template(document: bytes) -> ClaimSpec:
    """Return what the claims of a ResourceClaimTemplate ask for. Raise ValueError, naming the field."""
    return read_claim_spec(bytes(_template(document).spec.spec))


def _name(text: str) -> str:
    if len(text) > LONGEST_NAME + 1:
        raise ValueError(f"a name of {len(text)} characters")
    return intern(text)
