"""The endpoints that describe all endpoints, themselves included."""

from collections.abc import Iterable
from typing import Any

from lens.api.document.openapi import OpenApi, document
from lens.api.document.reference import Reference
from lens.api.parameters import Parameters
from lens.api.routes import Route


def with_documents(routes: Iterable[Route[Any]]) -> tuple[Route[Any], ...]:
    """Return the routes, with ``/openapi.json`` and ``/docs`` after them."""
    table = list(routes)
    table += [
        Route(
            "/openapi.json",
            Parameters,
            None,
            OpenApi(table).handler,
            "This description, as OpenAPI 3.1.",
            media_type="application/json",
            open=True,
            limited=False,
        ),
        Route(
            "/docs",
            Parameters,
            None,
            Reference(lambda: document(table)).handler,
            "This description, to read.",
            media_type="text/html",
            open=True,
            limited=False,
        ),
    ]
    return tuple(table)
