"""The simulated apiserver: a store's objects over HTTP, read-only, behind a bearer token or a certificate."""

import asyncio
import base64
import hmac
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial

import msgspec
from aiohttp import web

from lens_sim.apiserver import discovery, listing, status
from lens_sim.apiserver.accepting import stop_accepting
from lens_sim.apiserver.options import ListOptions, list_options
from lens_sim.apiserver.port_forwards import PORT_FORWARDS, PortForwards
from lens_sim.apiserver.reviews import ACCESS_REVIEWS, Accounts
from lens_sim.apiserver.served import Form, Served
from lens_sim.apiserver.service_accounts import TOKENS, ServiceAccounts
from lens_sim.apiserver.tables import table, wants_table
from lens_sim.apiserver.watching import WatchRequest
from lens_sim.objects.resources import DYNAMIC, SERVED, Object, Resource, metadata_alone
from lens_sim.objects.store import Store

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_VERBS = ("get", "list", "watch")


class SimApiServer:
    """Serves `store` on 127.0.0.1 until stopped; a stopped server can be started again, on its old port.

    `store` and `token` may be replaced while it runs, `accounts` be filled, whom reviews then know. Bookmarks
    come every `bookmark_interval` seconds. The token is the user's of the name `user`, who may show a client
    certificate instead. `port_forwards` has the pods whose ports can be reached, and `service_accounts` those
    of TokenRequests. Dynamic resource allocation (resource.k8s.io) is not served until `serve`
    says in which versions.
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
        self.port_forwards = PortForwards()
        self.service_accounts = ServiceAccounts()
        self.user = "system:serviceaccount:lens:lens"
        self.port = port
        self._ssl_context = ssl_context
        self._bookmark_interval = bookmark_interval
        self._runner: web.AppRunner | None = None
        self._listening: socket.socket
        self._served = Served()
        self._forbidden: dict[Resource, frozenset[str]] = {}
        self._permitted_in: dict[Resource, frozenset[str]] = {}
        self._watching: dict[asyncio.Transport, Form] = {}

    @property
    def url(self) -> str:
        """Return the base address; its port is known once the server has been started."""
        return f"{'https' if self._ssl_context else 'http'}://127.0.0.1:{self.port}"

    def serve(self, *versions: str, resources: Iterable[Resource] = DYNAMIC) -> None:
        """Serve resources in these versions and no others from now on; without a version, not at all.

        Watches in other versions are cut, as by the restart that such a change takes.
        """
        self._served.set(versions, resources)
        for transport, form in self._watching.items():
            if self._served.form(form.resource, form.version) is None:
                transport.abort()

    def forbid(self, resource: Resource, verbs: Iterable[str] = _VERBS, but_in: Iterable[str] = ()) -> None:
        """Forbid the user these verbs on a resource, except in namespaces `but_in`.

        Watches that are open stay so, as under RBAC.
        """
        self._forbidden[resource] = frozenset(verbs)
        self._permitted_in[resource] = frozenset(but_in)

    def permit(self, resource: Resource) -> None:
        """Let the user read a resource again."""
        self._forbidden.pop(resource, None)

    def permit_all(self) -> None:
        """Let the user do everything again."""
        self._forbidden.clear()

    async def start(self) -> None:
        """Listen; OSError when the port is taken."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        app = web.Application(middlewares=[self._answer_errors])
        self._route_discovery(app)
        for resource in SERVED:
            root = f"/apis/{resource.group}/{{version}}" if resource.group else "/api/{version}"
            collection = f"{root}/{resource.plural}"
            _route(app, collection, partial(self._collection, resource))
            if resource.namespaced:
                collection = f"{root}/namespaces/{{namespace}}/{resource.plural}"
                _route(app, collection, partial(self._collection, resource))
            _route(app, f"{collection}/{{name}}", partial(self._object, resource))
        tokens = _reviewing(self.accounts.token_review)
        app.router.add_route("POST", "/apis/authentication.k8s.io/v1/tokenreviews", tokens)
        reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        app.router.add_route("POST", reviews, self._access_review)
        pod = "/api/v1/namespaces/{namespace}/pods/{name}"
        app.router.add_route("GET", f"{pod}/portforward", self._port_forward)
        account = "/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        app.router.add_route("POST", f"{account}/token", self._token_request)
        app.router.add_route("*", "/{path:.*}", _unknown)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, self._listening, ssl_context=self._ssl_context).start()

    async def stop(self) -> None:
        """Stop listening and cut what is being answered, as the end of a process does."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        await stop_accepting([self._listening])
        for site in runner.sites:
            await site.stop()
        # Closing gracefully would wait for clients that no longer read.
        if runner.server is not None:
            for connection in runner.server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
        await runner.cleanup()

    def _route_discovery(self, app: web.Application) -> None:
        served = self._served
        documents: dict[str, Callable[..., Object]] = {
            "/version": lambda: discovery.VERSION,
            "/api": lambda: discovery.CORE,
            "/api/{version}": partial(discovery.resources, served, ""),
            "/apis": partial(discovery.groups, served),
            "/apis/{name}": partial(discovery.group, served),
            "/apis/{group}/{version}": partial(discovery.resources, served),
        }
        for path, document in documents.items():
            _route(app, path, _answering(document))

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
        if request.get_extra_info("peercert"):
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except ValueError:
                return False
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _form(self, resource: Resource, request: web.Request) -> Form:
        """Return the requested resource; StatusError 404 if it isn't served."""
        form = self._served.form(resource, request.match_info["version"])
        if form is None:
            raise status.unknown_path()
        return form

    def _authorize(self, resource: Resource, verb: str, request: web.Request) -> None:
        """Refuse what is forbidden; StatusError 403."""
        namespace, name = (request.match_info.get(part, "") for part in ("namespace", "name"))
        if verb in self._forbidden.get(resource, ()) and namespace not in self._permitted_in[resource]:
            raise status.forbidden(self.user, verb, resource, namespace, name)

    async def _access_review(self, request: web.Request) -> web.StreamResponse:
        self._authorize(ACCESS_REVIEWS, "create", request)
        return await _reviewing(self.accounts.access_review)(request)

    async def _port_forward(self, request: web.Request) -> web.StreamResponse:
        self._authorize(PORT_FORWARDS, "get", request)
        if "create" in self._forbidden.get(PORT_FORWARDS, ()):
            # Since Kubernetes 1.35, and without a reason (pkg/registry/core/pod/rest/authorize.go).
            name = request.match_info["name"]
            raise status.StatusError(403, "Forbidden", f'pods "{name}" is forbidden: ')
        return await self.port_forwards.serve(request)

    async def _token_request(self, request: web.Request) -> web.StreamResponse:
        self._authorize(TOKENS, "create", request)
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        made = self.service_accounts.request(self.accounts, namespace, name, await request.read())
        return web.Response(status=201, body=msgspec.json.encode(made), content_type="application/json")

    async def _collection(self, resource: Resource, request: web.Request) -> web.StreamResponse:
        namespace = request.match_info.get("namespace")
        form = self._form(resource, request)
        options = list_options(request.query, resource)
        self._authorize(resource, "watch" if options.watch else "list", request)
        if options.watch:
            return await self._watch(request, form, namespace, options)
        page = listing.page(self.store, resource, namespace, options)
        if wants_table(request.headers.get("Accept", ""), resource):
            bodies = [revision.body for revision in page.revisions]
            return _json(table(resource, bodies, page.metadata, datetime.now(UTC)))
        return _json(page.body(form))

    async def _watch(
        self, request: web.Request, form: Form, namespace: str | None, options: ListOptions
    ) -> web.StreamResponse:
        def row(body: bytes) -> bytes:
            return table(form.resource, [body], {}, datetime.now(UTC))

        as_table = wants_table(request.headers.get("Accept", ""), form.resource)
        watch = WatchRequest(
            store=self.store,
            form=form,
            namespace=namespace,
            options=options,
            bookmark_interval=self._bookmark_interval,
            render=row if as_table else form.typed,
        )
        transport = request.transport
        if transport is None:
            return _nobody_listens()
        self._watching[transport] = form
        try:
            return await watch.respond(request)
        finally:
            del self._watching[transport]

    async def _object(self, resource: Resource, request: web.Request) -> web.StreamResponse:
        namespace, name = request.match_info.get("namespace", ""), request.match_info["name"]
        form = self._form(resource, request)
        self._authorize(resource, "get", request)
        revision = self.store.revision(resource, resource.key(namespace, name))
        if revision is None:
            raise status.not_found(resource, name)
        if wants_table(request.headers.get("Accept", ""), resource):
            return _json(table(resource, [revision.body], {}, datetime.now(UTC)))
        if "as=PartialObjectMetadata" in request.headers.get("Accept", ""):
            return _json(metadata_alone(revision.body))
        return _json(form.typed(revision.body))


def _route(app: web.Application, path: str, handler: Handler) -> None:
    """Serve a path to readers alone."""
    app.router.add_route("GET", path, handler)
    app.router.add_route("*", path, _read_only)


def _answering(document: Callable[..., Object]) -> Handler:
    """Answer with the document that a function returns for the parts of the path."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return _json(msgspec.json.encode(document(**request.match_info)))

    return answer


def _reviewing(review: Callable[[bytes], Object]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        body = msgspec.json.encode(review(await request.read()))
        return web.Response(status=201, body=body, content_type="application/json")

    return answer


async def _read_only(_: web.Request) -> web.StreamResponse:
    raise status.method_not_allowed()


def _nobody_listens() -> web.Response:
    """Return a response that is never sent. For an exception aiohttp would log a fault of this server."""
    return web.Response()


async def _unknown(_: web.Request) -> web.StreamResponse:
    raise status.unknown_path()


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")
