"""Templates and paths from their text."""

import re
from collections.abc import Callable

from lens_client.output.jsonpath.nodes import (
    Field,
    Filter,
    JsonPathError,
    Literal,
    Node,
    Path,
    Range,
    Recursive,
    Slice,
    Template,
    Text,
    Union,
    Wildcard,
)

_TERMINATORS = frozenset(" \t\r\n.,[]$@{}")
_RELAXED = re.compile(r"\{\.?([^{}]+)\}|\.?([^{}]+)")
_SLICE = re.compile(r"(-?\d*)(:-?\d*)?(:-?\d*)?")
_KEY = re.compile(r"'([^']*)'")
_COMPARISON = re.compile(r"([^!<>=]+)([!<>=]+)(.+?)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[\d.]+")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
_OPERATORS = frozenset({"<", ">", "==", "!=", "<=", ">="})
_DEEPEST = 32


def parse(template: str) -> Template:
    """Return a template. Raise JsonPathError with the reason."""
    found, end = _block(_tokens(template), 0, depth=0)
    assert end is None
    return found


def parse_field(path: str) -> Path:
    """Return the path of a custom column or of ``--sort-by``: ``.a.b``, ``a.b`` or ``{.a.b}``."""
    match = _RELAXED.fullmatch(path)
    if match is None:
        raise JsonPathError(
            f"unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{{name1.name2}}' or "
            f"'{{.name1.name2}}': {path}"
        )
    return _Reader("." + (match[1] or match[2])).path()


def _tokens(template: str) -> list[Text | Path]:
    """Return the text and the actions of a template, one after another."""
    found: list[Text | Path] = []
    position = 0
    while position < len(template):
        start = template.find("{", position)
        if start != position:
            found.append(Text(template[position : start if start >= 0 else len(template)]))
        if start < 0:
            break
        reader = _Reader(template, start + 1)
        found.append(reader.path(until_brace=True))
        position = reader.position
    return found


def _block(tokens: list[Text | Path], start: int, depth: int) -> tuple[Template, int | None]:
    """Return the template up to the ``{end}`` of its range, and where that is."""
    if depth > _DEEPEST:
        raise JsonPathError(f"more than {_DEEPEST} ranges in one another")
    found: list[Text | Path | Range] = []
    position = start
    while position < len(tokens):
        token = tokens[position]
        position += 1
        if isinstance(token, Text):
            found.append(token)
        elif token and token[0] == Text("end") and _is_word(token[0]):
            if depth == 0:
                raise JsonPathError("not in range, nothing to end")
            return tuple(found), position
        elif token and token[0] == Text("range") and _is_word(token[0]):
            body, end = _block(tokens, position, depth + 1)
            found.append(Range(token[1:], body))
            position = len(tokens) if end is None else end
        else:
            found.append(token)
    return tuple(found), None


class _Word(Text):
    """A word without quotes inside braces: ``range`` or ``end``."""


def _is_word(node: Node) -> bool:
    return isinstance(node, _Word)


class _Reader:
    """Reads one action, or one path without braces."""

    def __init__(self, text: str, position: int = 0, depth: int = 0) -> None:
        self.position = position
        self._text = text
        self._depth = depth
        if depth > _DEEPEST:
            raise JsonPathError(f"more than {_DEEPEST} filters or unions in one another")

    def path(self, *, until_brace: bool = False) -> Path:
        """Return the path up to the closing brace, or to the end of the text."""
        nodes: list[Node] = []
        readers: dict[str, Callable[[list[Node]], None]] = {
            "[": self._brackets,
            '"': self._quoted,
            "'": self._quoted,
            ".": self._field,
        }
        while True:
            character = self._peek()
            if character == "" or (character in "\r\n" and until_brace):
                if until_brace:
                    raise JsonPathError("unclosed action")
                return tuple(nodes)
            if character == "}" and until_brace:
                self.position += 1
                return tuple(nodes)
            if character in " \t@$":
                self.position += 1
            elif self._text.startswith("..", self.position):
                self._recursive(nodes)
            elif character in readers:
                readers[character](nodes)
            elif character in "+-" or character.isdigit():
                self._number(nodes)
            elif character.isalnum() or character == "_":
                self._word(nodes)
            else:
                raise JsonPathError(f"unrecognized character in action: {character!r}")

    def _peek(self) -> str:
        return self._text[self.position : self.position + 1]

    def _recursive(self, nodes: list[Node]) -> None:
        if nodes and isinstance(nodes[-1], Recursive):
            raise JsonPathError("invalid multiple recursive descent")
        self.position += 2
        nodes.append(Recursive())
        if (following := self._peek()).isalnum() or following == "_":
            nodes.append(Field(self._name()))

    def _field(self, nodes: list[Node]) -> None:
        self.position += 1
        name = self._name()
        nodes.append(Wildcard() if name == "*" else Field(name.replace("\\", "")))

    def _name(self) -> str:
        start = self.position
        while (character := self._peek()) and character not in _TERMINATORS:
            self.position += 2 if character == "\\" else 1
        return self._text[start : self.position]

    def _word(self, nodes: list[Node]) -> None:
        word = self._name()
        if word in ("true", "false"):
            nodes.append(Literal(word == "true"))
        elif word in ("range", "end"):
            nodes.append(_Word(word))
        else:
            raise JsonPathError(f"unrecognized identifier {word}")

    def _number(self, nodes: list[Node]) -> None:
        match = _NUMBER.match(self._text, self.position)
        text = match[0] if match else self._peek()
        try:
            nodes.append(Literal(float(text) if "." in text else int(text)))
        except ValueError:
            raise JsonPathError(f"cannot parse number {text}") from None
        self.position += len(text)

    def _quoted(self, nodes: list[Node]) -> None:
        quote = self._peek()
        self.position += 1
        text = ""
        while (character := self._peek()) != quote:
            if character in ("", "\n"):
                raise JsonPathError("unterminated quoted string")
            self.position += 1
            if character == "\\":
                escaped = self._peek()
                if escaped not in _ESCAPES:
                    raise JsonPathError(f"unknown escape \\{escaped} in a quoted string")
                text += _ESCAPES[escaped]
                self.position += 1
            else:
                text += character
        self.position += 1
        nodes.append(Text(text))

    def _brackets(self, nodes: list[Node]) -> None:
        if self._text.startswith("[?(", self.position):
            return self._filter(nodes)
        end = self._text.find("]", self.position)
        if end < 0 or "\n" in self._text[self.position : end]:
            raise JsonPathError("unterminated array")
        inside = self._text[self.position + 1 : end]
        self.position = end + 1
        if "," in inside:
            paths = (self._inner(f"[{each.strip(' ')}]") for each in inside.split(","))
            nodes.append(Union(tuple(paths)))
        elif key := _KEY.fullmatch(inside):
            nodes += self._inner(f".{key[1]}")
        else:
            nodes.append(_slice(inside))
        return None

    def _filter(self, nodes: list[Node]) -> None:
        start = self.position = self.position + len("[?(")
        quote = ""
        while (character := self._peek()) != ")" or quote:
            if character in ("", "\n"):
                raise JsonPathError("unterminated filter")
            if character in "\"'" and quote in ("", character) and self._text[self.position - 1] != "\\":
                quote = "" if quote else character
            self.position += 1
        inside = self._text[start : self.position]
        self.position += 1
        if self._peek() != "]":
            raise JsonPathError("unclosed array expect ]")
        self.position += 1
        match = _COMPARISON.fullmatch(inside)
        if match is None:
            nodes.append(Filter(self._inner(inside), "exists", ()))
        elif match[2] not in _OPERATORS:
            raise JsonPathError(f"unrecognized filter operator {match[2]}")
        else:
            nodes.append(Filter(self._inner(match[1]), match[2], self._inner(match[3])))

    def _inner(self, text: str) -> Path:
        return _Reader(text, depth=self._depth + 1).path()


def _slice(inside: str) -> Slice:
    match = _SLICE.fullmatch({"*": ":", "": "0"}.get(inside, inside))
    if match is None:
        raise JsonPathError(f"invalid array index {inside}")
    try:
        start, stop, step = (
            int(each.lstrip(":")) if each and each != ":" else None for each in match.groups()
        )
    except ValueError:
        raise JsonPathError(f"invalid array index {inside}") from None
    if match[2] is None and start is not None:
        return Slice(start, start + 1, None, single=True)
    return Slice(start, stop, step, single=False)
