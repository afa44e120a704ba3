"""Whether an expression reads only attributes and capacities that its text names.

Verdicts are kept by what is read, so an expression that isn't certain here reads everything.
"""

from collections.abc import Sequence

from lens.model.fit.dra.cel.tokens import MAPS, Token, closing

_BEFORE_OPERAND = frozenset({"", "(", "[", "{", ",", "?", ":", "&&", "||", "!"})
"""The tokens before the left side of ``in`` that aren't a part of it."""

_NAMES = frozenset({"name", "quoted"})


def names_only(parts: Sequence[Token]) -> bool:
    """Return whether an expression reads only entries of domains whose names are in its text."""
    return _Domains(parts).are_asked_by_name()


class _Domains:
    """The places where an expression reads domains: of the device's maps, or of variables bound to these."""

    def __init__(self, parts: Sequence[Token]) -> None:
        self._tokens = parts
        self._variables: set[str] = set()

    def are_asked_by_name(self) -> bool:
        """Return whether an expression reads nothing of domains but single entries by name."""
        for position, token in enumerate(self._tokens):
            if token.kind != "name" or self._text(position - 1) == ".":
                continue
            if token.text in self._variables:
                end: int | None = position + 1
            elif token.text == "device" and self._text(position + 2) in MAPS:
                end = self._after_domain(position + 3)
            else:
                continue
            if end is None or not self._is_named(position, end):
                return False
        return True

    def _after_domain(self, position: int) -> int | None:
        """Return the position after the domain of a map, which ends at a position; None if it takes none."""
        if self._text(position) == "[":
            return (closing(self._tokens, position) or len(self._tokens)) + 1
        is_selected = self._text(position) == "." and self._text(position + 2) != "("
        return position + 2 if is_selected else None

    def _is_named(self, start: int, end: int) -> bool:
        before, after = self._text(start - 1), self._text(end)
        if after == ".":
            name = end + 2 if self._text(end + 1) == "?" else end + 1
            return self._kind(name) in _NAMES and self._text(name + 1) != "("
        if after == "[":
            name = end + 2 if self._text(end + 1) == "?" else end + 1
            return self._is_written(name) and self._text(name + 1) == "]"
        if before == "in":
            return self._is_written(start - 2) and self._text(start - 3) in _BEFORE_OPERAND
        if (
            before == ","
            and after == ","
            and self._text(start - 3) == "("
            and self._text(start - 4) == "bind"
        ):
            self._variables.add(self._text(start - 2))
            return True
        return False

    def _is_written(self, position: int) -> bool:
        """Return whether a token is a string without escapes, whose value is in the expression's text."""
        return self._kind(position) == "text" and "\\" not in self._text(position)

    def _text(self, position: int) -> str:
        return self._tokens[position].text if 0 <= position < len(self._tokens) else ""

    def _kind(self, position: int) -> str:
        return self._tokens[position].kind if 0 <= position < len(self._tokens) else ""
