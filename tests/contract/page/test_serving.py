"""``/`` and the files beside it: relative addresses, kept for ever, a policy without exceptions."""

import gzip
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import PurePosixPath
from urllib.parse import urljoin

import aiohttp
import pytest

from lens.config.errors import SettingsError
from lens.config.serve import load
from tests.contract.conftest import Answer, Api, Serve
from tests.contract.wire import exchange

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
IMMUTABLE = "public, max-age=31536000, immutable"
STATIC_IMPORT = re.compile(r"""\b(?:from|import)\s*["']([^"']+)["']""")
BUDGET_BYTES = 75 * 1024


class Addresses(HTMLParser):
    """The addresses that a document names, the modules that it preloads, and what is inside it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.files: list[str] = []
        self.preloaded: list[str] = []
        self.entry: list[str] = []
        self.inside: list[str] = []
        self.version = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script":
            self.entry.append(given["src"])
        if tag == "link" and given["rel"] == "modulepreload":
            self.preloaded.append(given["href"])
        if tag == "meta" and given.get("name") == "lens-version":
            self.version = given["content"]
        if tag in ("script", "link"):
            self.files.append(given.get("src") or given["href"])
        if tag == "style" or "style" in given or any(name.startswith("on") for name in given):
            self.inside.append(tag)


async def document(api: Api) -> Addresses:
    answer = await api.ask("/", token=None)
    assert answer.status == 200
    return Addresses(answer.body.decode())


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_parameters_that_a_link_or_a_login_adds_are_ignored(api: Api, path: str) -> None:
    plain = await api.ask(path, token=None)
    for query in ("utm_source=chat", "code=1&state=2", "a&a=", "=", "%FF=%FF"):
        answer = await api.ask(f"{path}?{query}", token=None)
        assert (answer.status, answer.body) == (200, plain.body), query


async def asset(api: Api, address: str, **headers: str) -> Answer:
    return await api.ask(f"/{address}", token=None, **headers)


async def loaded(api: Api, addresses: Addresses) -> dict[str, Answer]:
    """Return all that a browser loads with the document, by address: its files, and what these import."""
    found: dict[str, Answer] = {}
    left = list(addresses.files)
    while left:
        address = left.pop()
        if address in found:
            continue
        answer = found[address] = await asset(api, address)
        assert answer.status == 200, address
        if address.endswith(".js"):
            left += [urljoin(address, target) for target in imports(answer)]
    return found


def imports(module: Answer) -> Iterator[str]:
    for target in STATIC_IMPORT.findall(module.body.decode()):
        # A browser can't resolve any other: that would need an import map.
        assert target.startswith("."), target
        yield target


async def test_the_root_is_the_page_for_everybody_and_asked_for_each_time(api: Api) -> None:
    answer = await api.ask("/", token=None)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-cache"
    again = await api.ask("/", token=None, If_None_Match=answer.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert (await api.ask("/", token=None, If_None_Match='"other"')).status == 200


async def test_every_file_is_loaded_by_a_relative_address_and_may_be_kept_for_ever(api: Api) -> None:
    addresses = await document(api)
    assert addresses.entry
    for address in addresses.files:
        assert re.fullmatch(r"assets/[0-9a-f]{16}/[\w./-]+", address), address
    for address, answer in (await loaded(api, addresses)).items():
        assert answer.headers["Cache-Control"] == IMMUTABLE, address
        again = await asset(api, address, If_None_Match=answer.headers["ETag"])
        assert (again.status, again.body) == (304, b"")


async def test_the_document_preloads_what_its_modules_import_and_nothing_that_only_history_needs(
    api: Api,
) -> None:
    addresses = await document(api)
    modules = {address for address in await loaded(api, addresses) if address.endswith(".js")}
    assert set(addresses.preloaded) == modules
    assert {PurePosixPath(address).name for address in modules}.isdisjoint({"uplot.js"})


async def test_the_document_says_which_version_it_is(api: Api) -> None:
    addresses = await document(api)
    assert addresses.version == addresses.entry[0].split("/")[1]


async def test_what_a_browser_loads_before_history_is_within_its_budget(api: Api) -> None:
    everything = {"": await api.ask("/", token=None), **(await loaded(api, await document(api)))}
    sizes = {address: len(gzip.compress(answer.body, 9)) for address, answer in everything.items()}
    assert sum(sizes.values()) <= BUDGET_BYTES, sizes


async def test_nothing_of_the_page_needs_an_exception_from_its_policy(api: Api) -> None:
    addresses = await document(api)
    assert addresses.inside == []
    answers = [await api.ask("/", token=None), *(await loaded(api, addresses)).values()]
    for answer in answers:
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_files_are_compressed_for_who_takes_that_each_with_a_tag_of_its_own(api: Api) -> None:
    (entry,) = (await document(api)).entry
    vendored = urljoin(entry, "vendor/preact.js")
    tags, sizes = set(), {}
    for encoding in ("identity", "gzip", "zstd"):
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(f"{api.server.url}/{vendored}", headers={"Accept-Encoding": encoding}) as response,
        ):
            assert response.headers.get("Content-Encoding", "identity") == encoding
            assert response.headers["Vary"] == "Accept-Encoding"
            tags.add(response.headers["ETag"])
            sizes[encoding] = len(await response.read())
    assert len(tags) == 3
    assert max(sizes["gzip"], sizes["zstd"]) < sizes["identity"] / 2


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_an_apiserver_that_proxies_gets_html_as_it_is_since_it_breaks_what_is_encoded(
    api: Api, path: str
) -> None:
    for field, expected in (("X-Forwarded-Uri", None), ("X-Forwarded-Prefix", "gzip")):
        sent = {"Accept-Encoding": "gzip", field: "/api/v1/namespaces/lens/services/lens-api:80/proxy/"}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(f"{api.server.url}{path}", headers=sent) as response,
        ):
            assert response.headers.get("Content-Encoding") == expected
            assert response.headers["Vary"] == "Accept-Encoding, X-Forwarded-Uri"


@pytest.mark.parametrize(
    "path",
    [
        "assets/0123456789abcdef/main.js",
        "assets/{digest}/index.html",
        "assets/{digest}/",
        "assets/{digest}/main.js/",
        "assets/{digest}/../main.js",
        "assets/{digest}/%2e%2e/__init__.py",
        "assets/{digest}/..%2f..%2fopenapi.json",
        "assets/main.js",
        "assets/",
        "assets",
    ],
)
async def test_a_file_of_another_version_or_of_elsewhere_is_not_found(api: Api, path: str) -> None:
    digest = (await document(api)).version
    head = f"GET /{path.format(digest=digest)} HTTP/1.1\r\nHost: lens\r\nConnection: close\r\n\r\n"
    (answer,) = await exchange(api.server, head.encode())
    assert answer.status == 404
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_page_is_framed_by_the_origins_of_the_setting(serve: Serve) -> None:
    api = await serve(page_frame_ancestors="https://backstage.example.com,https://*.example.org:8443")
    policy = (await api.ask("/", token=None)).headers["Content-Security-Policy"]
    assert policy.endswith("; frame-ancestors https://backstage.example.com https://*.example.org:8443")


@pytest.mark.parametrize(
    "source", ["*", "https:", "https://a.example; script-src *", "a.example", "'unsafe-inline'"]
)
def test_what_is_no_origin_is_no_setting(source: str) -> None:
    environment = {"LENS_CLUSTER": "prod", "LENS_AUTH": "none", "LENS_PAGE_FRAME_ANCESTORS": source}
    with pytest.raises(SettingsError, match=r"LENS_PAGE_FRAME_ANCESTORS: .* is not an origin"):
        load({}, environment)
