"""``/api/v1/access``: what the caller may see, so that the page sends no request that would be refused.

Kubernetes lists nobody's rights but one's own. So Lens says of one namespace at a time what its reviews say.
"""

from collections.abc import Callable, Sequence

from aiohttp import web
from multidict import MultiMapping

from lens import __version__
from lens.api import envelope
from lens.api.access.auth import Caller
from lens.api.access.authorization import permitted
from lens.api.errors import ClusterNotFoundError
from lens.api.parameters.system import AccessParameters
from lens.api.schemas.access import Access, NamespaceAccess

CLUSTERS = "/api/v1/clusters"
STATUS = "/api/v1/realtime/status"
TASKS = "/api/v1/realtime/running-tasks"


class OwnAccess:
    """Answers callers about themselves, with any valid token."""

    def __init__(self, cluster: str, peers: Callable[[MultiMapping[str]], Sequence[str]], page: str) -> None:
        """Take the local cluster, the peers that a request may reach, and the page's digest."""
        self._cluster = cluster
        self._peers = peers
        self._page = page

    async def handler(
        self, request: web.BaseRequest, params: AccessParameters, caller: Caller
    ) -> web.StreamResponse:
        """Respond with the caller's rights. Raise an ApiError: 404 for an unknown cluster, or 503."""
        clusters = (self._cluster, *self._peers(request.headers))
        lists = await _may(caller, CLUSTERS)
        cluster = self._cluster if params.cluster is None else params.cluster
        if cluster not in clusters:
            raise ClusterNotFoundError(clusters if lists else ())
        realtime = await permitted(caller.authorize(STATUS, None))
        return envelope.uncached(
            Access(
                caller=caller.name,
                cluster=cluster,
                clusters=list(clusters) if lists else None,
                realtime=realtime,
                capacity=realtime or await permitted(caller.authorize_capacity(STATUS, None)),
                namespace=await _in_namespace(caller, params.namespace),
                namespaces=None if caller.namespaces is None else list(caller.namespaces),
                paths=None if caller.paths is None else list(caller.paths),
                version=__version__,
                page=self._page,
            )
        )


async def _in_namespace(caller: Caller, namespace: str | None) -> NamespaceAccess | None:
    if namespace is None:
        return None
    return {
        "name": namespace,
        "tasks": await permitted(caller.authorize(TASKS, namespace)),
        "capacity": await _may(caller, STATUS, namespace),
    }


async def _may(caller: Caller, path: str, namespace: str | None = None) -> bool:
    """Return whether the caller sees the cluster's capacity at an endpoint."""
    everything = await permitted(caller.authorize(path, None))
    return everything or await permitted(caller.authorize_capacity(path, namespace))
