"""The page at ``/``: its document, and the files that the document names.

The files lie under one digest of them all, ``assets/DIGEST/…``, so that browsers may keep each for ever and
modules import one another by relative addresses, without a build. What is served has no lines of comments and
no indentation. The document alone is asked for each time.
All addresses are relative: the page works behind any proxy that puts it below a path that ends in ``/``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable

from aiohttp import web

from lens.api.access.auth import Caller
from lens.api.errors import not_found
from lens.api.parameters.base import Parameters
from lens.api.parameters.system import AssetParameters
from lens.api.system.web_files import WebFile

DOCUMENT = "index.html"
ASSETS = "assets"

PAGE_FIELD = "Lens-Page"
"""The header field of a stream with the page's digest. A page with another digest is of another version."""

_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATED = "no-cache"
_DIGEST_LENGTH = 16

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
"""The Content-Type by a file's ending; a file of the page has one of these."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors {}"
)

_VENDORED = "vendor/"
_COMMENT_LINES = re.compile(r"^[ \t]*(?://[^\n]*|/\*(?:(?!\*/).)*\*/[ \t]*)\n", re.MULTILINE | re.DOTALL)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)

_ADDRESS = re.compile(r"""(\b(?:src|href)=")\./""")
_STATIC_IMPORT = re.compile(r"""\b(?:from|import)\s*["'](\.[^"']+)["']""")
_SCRIPT = re.compile(r"""<script\b[^>]*\btype="module"[^>]*\bsrc="\./([^"]+)\"""")
_HEAD_END = "</head>"
_VERSION = '<meta name="lens-version" content="'


class Page:
    """The page's document and its files, read once."""

    def __init__(self, frame_ancestors: Sequence[str] = ()) -> None:
        """Take the origins that may frame the page; without any none may."""
        files = dict(_files(resources.files("lens.web").joinpath("page")))
        document = files.pop(DOCUMENT).decode()
        self.digest = _digest({**files, DOCUMENT: document.encode()})
        policy = _POLICY.format(" ".join(frame_ancestors) or "'none'")
        self._document = WebFile(
            _served(document, files, self.digest).encode(), "text/html; charset=utf-8", _REVALIDATED, policy
        )
        self._files = {
            f"{self.digest}/{name}": WebFile(body, _TYPES[name.rpartition(".")[2]], _IMMUTABLE, policy)
            for name, body in files.items()
        }

    async def document(self, request: web.BaseRequest, _params: Parameters, _caller: Caller) -> web.Response:
        """Respond with the document."""
        return self._document.response(request.headers)

    async def asset(self, request: web.BaseRequest, params: AssetParameters, _caller: Caller) -> web.Response:
        """Respond with a file. Raise an ApiError, 404, for a missing one, or one of another version."""
        file = self._files.get(params.path)
        if file is None:
            raise not_found("File")
        return file.response(request.headers)


def _files(folder: Traversable, path: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield all files below a folder, path and content."""
    for each in folder.iterdir():
        if each.is_dir():
            yield from _files(each, f"{path}{each.name}/")
        elif each.name == DOCUMENT or each.name.rpartition(".")[2] in _TYPES:
            yield f"{path}{each.name}", _without_comments(f"{path}{each.name}", each.read_bytes())


def _without_comments(name: str, body: bytes) -> bytes:
    """Return our own modules and style sheets without lines that are comments, and without indentation.

    They are a sixth of what browsers load. A template literal of ours has no line that begins like a comment,
    and none of them needs its indentation: htm ignores it.
    """
    if name.startswith(_VENDORED) or not name.endswith((".js", ".css")):
        return body
    return _INDENT.sub("", _COMMENT_LINES.sub("", body.decode())).encode()


def _digest(files: Mapping[str, bytes]) -> str:
    total = sha256()
    for name, body in sorted(files.items()):
        total.update(f"{name}\0{len(body)}\0".encode() + body)
    return total.hexdigest()[:_DIGEST_LENGTH]


def _served(document: str, files: Mapping[str, bytes], digest: str) -> str:
    """Return the document with its digest, its files' addresses, and the modules that it imports."""
    script = _SCRIPT.search(document)
    modules = sorted(_needed(script[1], files)) if script else []
    links = "".join(f'<link rel="modulepreload" href="./{name}">\n' for name in modules)
    head, end, body = document.replace(_VERSION, _VERSION + digest, 1).partition(_HEAD_END)
    return _ADDRESS.sub(rf"\g<1>{ASSETS}/{digest}/", f"{head}{links}{end}{body}")


def _needed(entry: str, files: Mapping[str, bytes]) -> set[str]:
    """Return the modules that a module imports as it loads, and those that they import in turn."""
    needed: set[str] = set()
    left = [entry]
    while left:
        name = left.pop()
        if name in needed or name not in files:
            continue
        needed.add(name)
        left += [_resolved(name, target) for target in _STATIC_IMPORT.findall(files[name].decode())]
    return needed


def _resolved(module: str, target: str) -> str:
    """Return the path of a relative import in a module."""
    parts = module.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
