"""What an apiserver answers to single requests, or what stands in its place: it comes over a connection."""

import atexit
import contextlib
from functools import cache

import aiohttp

from lens.kube.client.api_client import ApiClient
from lens.kube.client.kubeconfig import Connection
from lens.kube.client.object_reader import ObjectReader, UnreadError
from lens.kube.client.rest_mapper import RestMapper
from lens.kube.readers.reviews import Reviewer
from lens.kube.watch.resources.discovery import Discovery
from lens.kube.watch.response import KubeResponse
from lens.metrics import Metrics
from lens.model.inventory.decoding.documents import read_metadata
from lens.model.inventory.objects.pod import Controller, controller_named, controlling
from lens.model.k8s.access import Permission, ReviewFailedError, User
from tests.fuzz.answering import answering
from tests.fuzz.target import target
from tests.fuzz.workplace import FOLDER, finished
from tests.kubeconfig import write_kubeconfig

SECONDS = 5.0
GROUP, KINDS = "resource.k8s.io", frozenset({"resourceslices", "resourceclaims"})
_OWNER = Controller("batch/v1", "Job", "train", "uid-1", "team")
_metrics = Metrics()


@cache
def _connection() -> Connection:
    """Return a connection to what answers."""
    return Connection(write_kubeconfig(FOLDER / "kubeconfig", answering().url, {"token": "token"}))


@cache
def _client() -> ApiClient:
    client = ApiClient(_connection, SECONDS, 2**20)
    atexit.register(lambda: finished(client.close()))
    return client


@cache
def _session() -> aiohttp.ClientSession:
    """Return a session as kopf has one, over connections that are kept."""
    session = finished(_opened())
    atexit.register(lambda: finished(session.close()))
    return session


async def _opened() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(response_class=KubeResponse)


@cache
def _reviewer() -> Reviewer:
    reviewer = Reviewer(_connection, (), _metrics, SECONDS)
    atexit.register(lambda: finished(reviewer.close()))
    return reviewer


@target("review", longest=2**18)
def review(data: bytes) -> None:
    """Read whose token it is, and whether somebody may do something."""
    answering().answer(201, data)
    with contextlib.suppress(ReviewFailedError):
        user = finished(_reviewer().user("token"))
        assert user is None or user.name
    with contextlib.suppress(ReviewFailedError):
        finished(_reviewer().allows(User("alice", "", (), ()), Permission("list", "", "pods", None)))


@target("discovery", longest=2**18)
def discovery(data: bytes) -> None:
    """Read which resources are served, and which of them an owner's kind is."""
    answering().answer(200, data)
    found = Discovery(GROUP, ("v1", "v1beta1"), KINDS, 60.0, _metrics)
    finished(found.discover(_client()))
    assert (found.failure is None) == found.has_succeeded
    finished(_map())


async def _map() -> None:
    objects = ObjectReader(_connection, _metrics, SECONDS)
    async with objects:
        with contextlib.suppress(UnreadError):
            assert (await RestMapper(objects, lambda: 0.0).collection(_OWNER)).startswith("/api")


@target("kube-error", longest=2**18)
def kube_error(data: bytes) -> None:
    """Read the Status of an error, whatever came in its place."""
    answering().answer(403, data)
    finished(_error(_session()))


async def _error(session: aiohttp.ClientSession) -> None:
    async with session.get(answering().url) as response:
        status = await response.json()
        assert status is None or status["code"] == 403
        assert isinstance(await response.text(), str)


@target("retry-after", longest=2**12)
def retry_after(data: bytes) -> None:
    """Read for how long to wait."""
    field = data.translate(None, b"\r\n\0").strip()
    answering().answer(429, fields=b"Retry-After: %b\r\n" % field)
    # aiohttp lets a ValueError out for some fields that can't be read.
    with contextlib.suppress(aiohttp.ClientError, ValueError):
        finished(_wait(_session()))


async def _wait(session: aiohttp.ClientSession) -> None:
    async with session.get(answering().url) as response:
        assert 1 <= int(response.headers["Retry-After"]) <= 30


@target("owner", longest=2**20)
def owner(data: bytes) -> None:
    """Read the metadata of an owner, and who owns it."""
    with contextlib.suppress(ValueError):
        metadata = read_metadata(data).metadata
        above = controlling(metadata.owner_references)
        if above is not None:
            controller_named(above, metadata.namespace or "")
