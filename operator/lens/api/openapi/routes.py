"""The endpoints that describe all endpoints, themselves included."""

from collections.abc import Iterable
from typing import Any

from lens.api.openapi.document import OpenApiDocument, document
from lens.api.openapi.html_page import HtmlPage
from lens.api.parameters import Parameters
from lens.api.routes import Route


def with_openapi(routes: Iterable[Route[Any]]) -> tuple[Route[Any], ...]:
    """Return the routes with ``/openapi.json`` and ``/docs`` added."""
    table = list(routes)
    table += [
        Route(
            "/openapi.json",
            Parameters,
            None,
            OpenApiDocument(table).handler,
            "This document, as OpenAPI 3.1.",
            media_type="application/json",
            open=True,
            limited=False,
        ),
        Route(
            "/docs",
            Parameters,
            None,
            HtmlPage(lambda: document(table)).handler,
            "This document, as an HTML page.",
            media_type="text/html",
            open=True,
            limited=False,
        ),
    ]
    return tuple(table)
