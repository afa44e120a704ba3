"""Questions about fit, as a GET and as a manifest, and the objects that they are about."""

import hashlib
import json
from pathlib import Path
from typing import Any

import aiohttp

from lens.model.inventory.decoding.decoder import Decoder
from tests.contract.conftest import TOKEN, Answer, Api
from tests.contract.kubernetes import Manifest

FIT = "/api/v1/realtime/fit?cluster=prod-cluster"
KINDS = Path(__file__).parent / "manifests"


async def ask(api: Api, query: str = "", **headers: str) -> Any:
    return (await api.ask(FIT + query, **headers)).data


async def post(api: Api, body: bytes | str, query: str = "", token: str = TOKEN, **more: str) -> Answer:
    headers = {"Authorization": f"Bearer {token}"} | more
    async with (
        aiohttp.ClientSession() as session,
        session.post(api.server.url + FIT + query, data=body, headers=headers) as response,
    ):
        return Answer(response, await response.read(), await response.json())


def read(decoder: Decoder[Any, Any], manifest: Manifest) -> dict[Any, Any]:
    reading = decoder.read(json.dumps(manifest).encode())
    assert reading.problem is None
    return {reading.key: reading.value}


def meta(name: str, namespace: str = "team-a") -> Manifest:
    return {"name": name, "namespace": namespace, "resourceVersion": "1"}


def workload(kind: str = "Pod", spec: Manifest | None = None, **metadata: Any) -> str:
    return json.dumps({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", **metadata}, "spec": spec})


def containers(gpus: int | str | None = 1, **more: Any) -> Manifest:
    return {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": gpus}}}], **more}


def resources(**of_container: Manifest) -> Manifest:
    return {"containers": [{"name": "main", "resources": of_container}]}


def node_affinity(*expressions: Manifest) -> Manifest:
    terms = [{"matchExpressions": list(expressions)}] if expressions else []
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def manifests(name: str) -> str:
    return (KINDS / name).read_text()


def write_team_token(path: Path) -> None:
    digest = hashlib.sha256(b"t").hexdigest()
    path.write_text(f"tokens:\n  - {{name: team, sha256: {digest}, namespaces: [team-a]}}\n")
