"""What the fit engine says of the fleets that the oracle is asked about."""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec
from msgspec import structs

from lens.model.fit.dra.objects import read_claim, read_class, read_taint_rule
from lens.model.fit.dra.slices import read_slice
from lens.model.fit.engine import fit
from lens.model.fit.result import FitResult
from lens.model.fit.spec.asked import AskedPod, read_asked_pod
from lens.model.fit.spec.claims import read_claim_spec
from lens.model.fit.spec.node import read_fit_node
from lens.model.fit.spec.pod import read_fit_pod
from lens.model.fit.state import FitState, Fleet
from lens.model.fit.trial import Trial
from lens.model.k8s.objects import NodeManifest, PodManifest
from tests.oracle.program import Answer, Object

MADE = re.compile(r"(?<= default/)asked-\d+-")
"""Begins the name of a claim that ``expanded`` has made of a template."""

UNDECIDED = frozenset({"device_selectors", "device_search", "device_pools"})
"""What the engine names where it can't tell."""

_node = msgspec.json.Decoder(NodeManifest).decode
_pod = msgspec.json.Decoder(PodManifest).decode


class Lens:
    """The state of one fleet."""

    def __init__(self, fleet: Object) -> None:
        """Read the fleet's objects from their JSON."""
        self.state = FitState()
        for namespace in fleet["namespaces"]:
            meta = namespace["metadata"]
            self.state.put_namespace(meta["name"], meta.get("labels", {}))
        for node in fleet["nodes"]:
            self.put_node(node)
        for pod in fleet["pods"]:
            self.put_pod(pod)
        self.templates = {
            name: read_claim_spec(json.dumps(spec).encode())
            for name, spec in fleet.get("templates", {}).items()
        }
        devices = self.state.devices
        for each in fleet.get("resourceSlices", ()):
            devices.put_slice(each["metadata"]["name"], read_slice(msgspec.json.encode(each)))
        for each in fleet.get("deviceClasses", ()):
            devices.put_class(each["metadata"]["name"], read_class(msgspec.json.encode(each)))
        for each in fleet.get("deviceTaintRules", ()):
            devices.put_rule(each["metadata"]["name"], read_taint_rule(msgspec.json.encode(each)))
        for each in fleet.get("resourceClaims", ()):
            claim = read_claim(msgspec.json.encode(each))
            devices.put_claim((claim.namespace, claim.name), claim)

    def read(self, pod: Object) -> AskedPod:
        """Return a pod that is asked about, with what the claims ask for that are made of templates."""
        asked = read(pod)
        claims = tuple(
            structs.replace(each, spec=self.templates[each.template], missing=None)
            if each.template in self.templates
            else each
            for each in asked.claims
        )
        return structs.replace(asked, claims=claims)

    def put_node(self, node: Object) -> None:
        """Store a node."""
        self.state.put_node(node["metadata"]["name"], read_fit_node(_node(json.dumps(node).encode())))

    def put_pod(self, pod: Object) -> None:
        """Store a pod."""
        meta = pod["metadata"]
        read = read_fit_pod(_pod(json.dumps(pod).encode()))
        self.state.put_pod((meta["namespace"], meta["name"]), read)


def read(pod: Object) -> AskedPod:
    """Return a pod that is asked about."""
    return read_asked_pod(json.dumps(pod).encode())


def answer(fleet: Fleet, asked: AskedPod) -> tuple[Answer, FitResult]:
    """Return the engine's answer in the oracle's form, and as it is."""
    result = fit(fleet, asked)
    fits = result.placed == 1
    found: Answer = {"fits": fits, "codes": {each.code for each in result.reasons}}
    if UNDECIDED.intersection(result.not_checked):
        found["undecided"] = True
    if result.message is not None:
        found["error" if result.message.startswith("running ") else "message"] = result.message
    enqueued = not asked.gates and not (result.reasons and result.reasons[0].message == result.message)
    if enqueued and fleet.nodes:
        trial = Trial(fleet, asked)
        nodes = {
            name: sorted(cause.message for cause in rejection.causes)
            for name, rejection in trial.rejections().items()
        }
        if nodes:
            found["nodes"] = nodes
    return found, result


def differences(ours: Answer, theirs: Answer) -> Iterator[str]:
    """Yield what the engine says otherwise than kube-scheduler."""
    if ours.get("undecided"):
        return
    if theirs.get("error") and ours.get("error"):
        yield from error_differences(ours["error"], theirs)
        return
    if theirs.get("error"):
        yield f"kube-scheduler: {theirs['error']}"
        return
    if ours["fits"] != theirs["fits"]:
        yield f"fits: ours {ours['fits']}, theirs {theirs['fits']}"
    if ours.get("message") != theirs.get("message"):
        yield f"message: ours {ours.get('message')!r}, theirs {theirs.get('message')!r}"
    for text in {theirs.get("message", ""), *chain(*theirs.get("nodes", {}).values())}:
        code = _device_code(text)
        if code is not None and code not in ours["codes"]:
            yield f"code of {text!r}: {code} isn't among {sorted(ours['codes'])}"
    there = {name: sorted(reasons) for name, reasons in theirs.get("nodes", {}).items()}
    here = ours.get("nodes", {})
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            yield f"node {name}: ours {here.get(name)}, theirs {there.get(name)}"


def error_differences(ours: str, theirs: Answer) -> Iterator[str]:
    """Yield an error of the engine that kube-scheduler has on no node, whichever it meets first."""
    texts = {theirs["error"], *chain(*theirs.get("nodes", {}).values())}
    # The engine is asked before a claim is made of its template, and has a name.
    said = {_without_cels_words(MADE.sub("", text)) for text in texts}
    if _without_cels_words(ours) not in said:
        yield f"error: ours {ours!r}, theirs {sorted(said)}"


def _without_cels_words(text: str) -> str:
    """Return an error without what CEL's own library says: each has its own words, on the same device."""
    return text.partition("CEL runtime error: ")[0]


def _device_code(text: str) -> str | None:
    """Return Lens' code of what kube-scheduler says of a pod's claims; None for what it says of all else."""
    if text == "resourceclaim not available on the node":
        return "claim_elsewhere"
    if text == "invalid resource pools were encountered":
        return "invalid_pools"
    said = (
        "cannot allocate all claims",
        "does not exist.",
        "could not find ResourceClaim",
        "is being deleted",
    )
    return "claims" if any(each in text for each in said) else None


def answers(fleet: Object) -> Sequence[tuple[Answer, FitResult]]:
    """Return the engine's answers about a fleet's asked pods, each bound to its place before the next."""
    lens = Lens(fleet)
    assert not fleet.get("places") or not fleet.get("templates"), "devices aren't held between pods here"
    places = fleet.get("places", [])
    found = []
    for index, pod in enumerate(fleet["asked"]):
        asked = lens.read(pod)
        found.append(answer(lens.state.fleet(), asked))
        if index < len(places) and places[index]:
            lens.put_pod(
                {
                    **pod,
                    "metadata": {**pod["metadata"], "name": f"placed-{index}"},
                    "spec": {**pod["spec"], "nodeName": places[index]},
                }
            )
    return found
