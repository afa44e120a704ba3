"""Comments and indentation are left out of the page's files: what is served is the same program."""

import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

from tests.contract.conftest import Api
from tests.contract.page.test_serving import asset, document

PAGE = resources.files("lens.web").joinpath("page")

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
      | (?P<word>[\w$#@]+)
      | (?P<space>\s+)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*")
QUOTED = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*", re.DOTALL)
BEFORE_REGEX = set("(,=:[!&|?{};+-*%<>~^") | {"return", "typeof", "case", ""}


def sources(folder: Traversable = PAGE, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield our own modules and style sheets: path and text."""
    for each in folder.iterdir():
        if each.is_dir() and each.name != "vendor":
            yield from sources(each, f"{path}{each.name}/")
        elif each.name.endswith((".js", ".css")):
            yield f"{path}{each.name}", each.read_text()


def tokens(text: str, *, is_module: bool) -> list[str]:
    """Return a program's tokens without comments and space, and without the indentation in templates."""
    found: list[str] = []
    # The braces that are open in each template's expression that the position is in.
    templates: list[int] = []
    at, before = 0, ""

    def literal(at: int) -> int:
        quoted = QUOTED.match(text, at)
        assert quoted
        found.append(re.sub(r"\n[ \t]+", "\n", quoted[0]))
        if text.startswith("${", quoted.end()):
            templates.append(0)
            return quoted.end() + 2
        return quoted.end() + 1

    while at < len(text):
        regex = REGEX.match(text, at) if is_module and before in BEFORE_REGEX else None
        if regex and not text.startswith(("//", "/*"), at):
            found.append(regex[0])
            at, before = regex.end(), "/"
            continue
        token = TOKEN.match(text, at)
        assert token
        at = token.end()
        if token.lastgroup in ("comment", "space"):
            continue
        before = token[0]
        if is_module and before == "`":
            at = literal(at)
        elif templates and before == "{":
            templates[-1] += 1
        elif templates and before == "}" and not templates[-1]:
            templates.pop()
            at = literal(at)
        elif templates and before == "}":
            templates[-1] -= 1
        found.append(before)
    assert not templates
    return found


async def test_what_is_served_is_the_same_program(api: Api) -> None:
    version = (await document(api)).version
    for name, source in sources():
        answer = await asset(api, f"assets/{version}/{name}")
        assert answer.status == 200, name
        served, is_module = answer.body.decode(), name.endswith(".js")
        assert tokens(served, is_module=is_module) == tokens(source, is_module=is_module), name
        assert not re.search(r"^[ \t]|^(//|/\*)", served, re.MULTILINE), name


def test_a_line_in_a_template_that_looks_like_a_comment_is_noticed() -> None:
    assert tokens("a(`\n// b\n`)", is_module=True) != tokens("a(`\n`)", is_module=True)
    assert tokens("a(`${b(`\n/* c */\n`)}`)", is_module=True) != tokens("a(`${b(`\n`)}`)", is_module=True)
