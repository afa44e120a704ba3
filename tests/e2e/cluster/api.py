"""A small asynchronous client of a Kubernetes apiserver: the writes and lists that tests make."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp

from tests.e2e.cluster import kubeconfig
from tests.e2e.cluster.waiting import wait_until

Manifest = dict[str, Any]
Patch = Literal[
    "application/merge-patch+json", "application/strategic-merge-patch+json", "application/json-patch+json"
]

PAGE = 500
TIMEOUT = aiohttp.ClientTimeout(total=120)


class ApiError(Exception):
    """The apiserver refused a request: its HTTP status and the reason and message of its Status object."""

    def __init__(self, request: str, status: int, reason: str, message: str) -> None:
        super().__init__(f"{request}: {status} {reason}: {message}")
        self.status = status
        self.reason = reason


class Api:
    """A session with one apiserver; use it in `async with`."""

    def __init__(self, access: kubeconfig.Access) -> None:
        self.access = access
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Self:
        """Return a client for a kubeconfig's current context. Raise KubeconfigError."""
        return cls(kubeconfig.read(path))

    async def __aenter__(self) -> Self:
        headers = {} if self.access.token is None else {"Authorization": f"Bearer {self.access.token}"}
        self._session = aiohttp.ClientSession(
            base_url=self.access.server,
            headers=headers,
            connector=aiohttp.TCPConnector(ssl=self.access.ssl_context()),
            timeout=TIMEOUT,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Manifest:
        """Send one request and return the object that answers it. Raise ApiError for an error status."""
        if self._session is None:
            raise RuntimeError("Api is used outside `async with`")
        headers = {"Content-Type": content_type}
        async with self._session.request(
            method, path, json=body, params=params or {}, headers=headers if body is not None else {}
        ) as response:
            if response.status >= 400:
                raise await _error(response)
            answer: Manifest = await response.json()
            return answer

    async def get(self, path: str) -> Manifest:
        """Return the object at `path`."""
        return await self.request("GET", path)

    async def create(self, collection: str, manifest: Manifest) -> Manifest:
        """Create an object in a collection such as `/api/v1/nodes`."""
        return await self.request("POST", collection, manifest)

    async def ensure(self, collection: str, manifest: Manifest) -> None:
        """Create an object unless one of that name exists."""
        try:
            await self.create(collection, manifest)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    async def patch(self, path: str, patch: object, kind: Patch = "application/merge-patch+json") -> Manifest:
        """Patch the object at `path`."""
        return await self.request("PATCH", path, patch, content_type=kind)

    async def delete(self, path: str, *, grace_seconds: int | None = None) -> None:
        """Delete the object at `path`; 0 seconds of grace removes a pod without asking its node."""
        params = {} if grace_seconds is None else {"gracePeriodSeconds": str(grace_seconds)}
        await self.request("DELETE", path, params=params)

    async def list_all(self, collection: str, *, field_selector: str = "") -> list[Manifest]:
        """Return every object of a collection."""
        return [item async for page in self.pages(collection, field_selector=field_selector) for item in page]

    async def pages(self, collection: str, *, field_selector: str = "") -> AsyncIterator[list[Manifest]]:
        """Yield a collection's objects page by page, all from one resourceVersion."""
        params = {"limit": str(PAGE), "fieldSelector": field_selector}
        while True:
            page = await self.request("GET", collection, params=params)
            yield page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return
            params["continue"] = token

    async def pods(self, *, field_selector: str = "") -> list[Manifest]:
        """Return the pods of all namespaces, for example those with `spec.nodeName=n1`."""
        return await self.list_all("/api/v1/pods", field_selector=field_selector)

    async def nodes(self) -> list[Manifest]:
        """Return all nodes."""
        return await self.list_all("/api/v1/nodes")

    async def create_pod(self, manifest: Manifest) -> Manifest:
        """Create a pod in the namespace of its metadata."""
        return await self.create(f"/api/v1/namespaces/{manifest['metadata']['namespace']}/pods", manifest)

    async def pod(self, namespace: str, name: str) -> Manifest:
        """Return one pod."""
        return await self.get(_pod(namespace, name))

    async def delete_pod(self, namespace: str, name: str, *, grace_seconds: int | None = None) -> None:
        """Delete a pod; its node confirms, unless the grace is 0 seconds."""
        await self.delete(_pod(namespace, name), grace_seconds=grace_seconds)

    async def evict_pod(self, namespace: str, name: str) -> None:
        """Evict a pod by the Eviction API, as a drain does."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
        }
        await self.create(f"{_pod(namespace, name)}/eviction", eviction)

    async def finish_pod(
        self, namespace: str, name: str, phase: Literal["Succeeded", "Failed"] = "Succeeded"
    ) -> None:
        """End a pod's containers and set its phase, as its kubelet would."""
        pod = await self.pod(namespace, name)
        exit_code = 0 if phase == "Succeeded" else 1
        terminated = {
            "terminated": {"exitCode": exit_code, "reason": "Completed" if exit_code == 0 else "Error"}
        }
        status: Manifest = {"phase": phase}
        for field in ("containerStatuses", "initContainerStatuses"):
            if field in pod["status"]:
                status[field] = [
                    {**container, "ready": False, "started": False, "state": terminated}
                    for container in pod["status"][field]
                ]
        await self.patch(f"{_pod(namespace, name)}/status", {"status": status})

    async def node(self, name: str) -> Manifest:
        """Return one node."""
        return await self.get(_node(name))

    async def cordon(self, name: str, *, unschedulable: bool = True) -> None:
        """Set or clear a node's `spec.unschedulable`."""
        await self.patch(_node(name), {"spec": {"unschedulable": unschedulable}})

    async def drain(self, name: str, *, deadline_s: float = 60) -> None:
        """Cordon a node, evict its pods and wait until they are gone."""
        await self.cordon(name)
        on_node = f"spec.nodeName={name}"
        pods = [pod["metadata"] for pod in await self.pods(field_selector=on_node)]
        await asyncio.gather(*(self.evict_pod(pod["namespace"], pod["name"]) for pod in pods))

        async def empty() -> bool:
            return not await self.pods(field_selector=on_node)

        await wait_until(empty, f"node {name} without pods", deadline_s)

    async def delete_node(self, name: str) -> None:
        """Delete a node; the pod garbage collector deletes what ran on it a minute or so later."""
        await self.delete(_node(name))

    async def service_account_kubeconfig(self, namespace: str, name: str, directory: Path) -> Path:
        """Write a kubeconfig with a fresh one-hour token of a ServiceAccount, and return its path.

        The token is a file of its own (`tokenFile`), so that it can be replaced under a running client.
        """
        token_file = directory / f"{namespace}-{name}.token"
        await self.rotate_token(namespace, name, token_file)
        path = directory / f"{namespace}-{name}.kubeconfig"
        kubeconfig.write(path, self.access.server, self.access.ca, token_file=token_file)
        return path

    async def rotate_token(self, namespace: str, name: str, token_file: Path) -> None:
        """Ask for a new token of a ServiceAccount (the TokenRequest API) and put it in `token_file`."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        }
        answer = await self.create(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", request)
        kubeconfig.write_private(token_file, answer["status"]["token"])


def _pod(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def _node(name: str) -> str:
    return f"/api/v1/nodes/{name}"


async def _error(response: aiohttp.ClientResponse) -> ApiError:
    text = await response.text()
    try:
        status = json.loads(text)
    except json.JSONDecodeError:  # a server that is starting or stopping answers in plain text
        status = {"reason": response.reason, "message": text}
    request = f"{response.method} {response.url.path}"
    return ApiError(request, response.status, status.get("reason", ""), status.get("message", ""))
