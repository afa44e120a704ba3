"""The simulated apiserver: a store's objects over HTTP, read-only, behind a bearer token."""

import base64
import hmac
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

import msgspec
from aiohttp import web

from lens_sim.apiserver import discovery, listing, status
from lens_sim.apiserver.options import ListOptions, list_options
from lens_sim.apiserver.reviews import Accounts
from lens_sim.apiserver.tables import table, wants_table
from lens_sim.apiserver.watching import WatchRequest
from lens_sim.objects.resources import SERVED, Object, Resource, metadata_alone
from lens_sim.objects.store import Store

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SimApiServer:
    """Serves `store` on 127.0.0.1 until stopped; a stopped server can be started again, on its old port.

    `store` and `token` may be replaced while it runs, `accounts` be filled, whom reviews then know. Bookmarks
    come every `bookmark_interval` seconds.
    """

    def __init__(
        self,
        store: Store,
        token: str,
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        bookmark_interval: float = 60.0,
    ) -> None:
        self.store = store
        self.token = token
        self.accounts = Accounts()
        self.port = port
        self._ssl_context = ssl_context
        self._bookmark_interval = bookmark_interval
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Return the base address; its port is known once the server has been started."""
        return f"{'https' if self._ssl_context else 'http'}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; OSError when the port is taken."""
        app = web.Application(middlewares=[self._answer_errors])
        for path, body in discovery.documents():
            _route(app, path, _constant(body))
        for resource in SERVED:
            collection = f"{resource.root}/{resource.plural}"
            _route(app, collection, partial(self._collection, resource))
            if resource.namespaced:
                collection = f"{resource.root}/namespaces/{{namespace}}/{resource.plural}"
                _route(app, collection, partial(self._collection, resource))
            _route(app, f"{collection}/{{name}}", partial(self._object, resource))
        for path, review in (
            ("/apis/authentication.k8s.io/v1/tokenreviews", self.accounts.token_review),
            ("/apis/authorization.k8s.io/v1/subjectaccessreviews", self.accounts.access_review),
        ):
            app.router.add_route("POST", path, _reviewing(review))
        app.router.add_route("*", "/{path:.*}", _unknown)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._ssl_context).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and cut what is being answered, as the end of a process does."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        for site in runner.sites:
            await site.stop()
        # Closing gracefully would wait for those that no longer read what they asked for.
        if runner.server is not None:
            for connection in runner.server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
        await runner.cleanup()

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.transport is None:
            return _nobody_listens()
        try:
            if not self._authenticated(request):
                raise status.unauthorized()
            return await handler(request)
        except status.StatusError as error:
            return web.Response(status=error.code, body=error.body(), content_type="application/json")
        except ConnectionError:
            return _nobody_listens()

    def _authenticated(self, request: web.Request) -> bool:
        """Check the token: as a bearer token, or as the password of Basic authentication.

        kubectl sends no tokens over plain HTTP (client-go's clientcmd, `IsConfigTransportTLS`), but the user
        information of its server's URL: http://user:TOKEN@127.0.0.1:PORT.
        """
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except ValueError:
                return False
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.encode(), self.token.encode())

    async def _collection(self, resource: Resource, request: web.Request) -> web.StreamResponse:
        namespace = request.match_info.get("namespace")
        options = list_options(request.query, resource)
        if options.watch:
            return await self._watch(request, resource, namespace, options)
        page = listing.page(self.store, resource, namespace, options)
        if wants_table(request.headers.get("Accept", ""), resource):
            bodies = [revision.body for revision in page.revisions]
            return _json(table(resource, bodies, page.metadata, datetime.now(UTC)))
        return _json(page.body(resource))

    async def _watch(
        self, request: web.Request, resource: Resource, namespace: str | None, options: ListOptions
    ) -> web.StreamResponse:
        def row(body: bytes) -> bytes:
            return table(resource, [body], {}, datetime.now(UTC))

        as_table = wants_table(request.headers.get("Accept", ""), resource)
        watch = WatchRequest(
            store=self.store,
            resource=resource,
            namespace=namespace,
            options=options,
            bookmark_interval=self._bookmark_interval,
            render=row if as_table else resource.typed,
        )
        return await watch.respond(request)

    async def _object(self, resource: Resource, request: web.Request) -> web.StreamResponse:
        namespace, name = request.match_info.get("namespace", ""), request.match_info["name"]
        revision = self.store.revision(resource, resource.key(namespace, name))
        if revision is None:
            raise status.not_found(resource, name)
        if wants_table(request.headers.get("Accept", ""), resource):
            return _json(table(resource, [revision.body], {}, datetime.now(UTC)))
        if "as=PartialObjectMetadata" in request.headers.get("Accept", ""):
            return _json(metadata_alone(revision.body))
        return _json(resource.typed(revision.body))


def _route(app: web.Application, path: str, handler: Handler) -> None:
    """Serve a path to readers alone."""
    app.router.add_route("GET", path, handler)
    app.router.add_route("*", path, _read_only)


def _constant(body: Object) -> Handler:
    encoded = msgspec.json.encode(body)

    async def answer(_: web.Request) -> web.StreamResponse:
        return _json(encoded)

    return answer


def _reviewing(review: Callable[[bytes], Object]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        body = msgspec.json.encode(review(await request.read()))
        return web.Response(status=201, body=body, content_type="application/json")

    return answer


async def _read_only(_: web.Request) -> web.StreamResponse:
    raise status.method_not_allowed()


def _nobody_listens() -> web.Response:
    """Return what is never sent: aiohttp takes an exception for a fault of this server, and logs it."""
    return web.Response()


async def _unknown(_: web.Request) -> web.StreamResponse:
    raise status.unknown_path()


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")
