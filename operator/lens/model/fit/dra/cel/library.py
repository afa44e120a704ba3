"""Compiles selectors and evaluates them on devices, within bounds of time and memory.

The library bounds what an expression may do: 10,000 iterations in all, 32 levels of nesting, regular
expressions in linear time (RE2). kube-scheduler's own bound is a cost of 1,000,000, which an apiserver
estimates before it stores an expression. What exceeds a bound here is unknown, and never "no".
"""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from lens.model.fit.dra.cel.bounds import BEYOND, UNKNOWN_FORM
from lens.model.fit.dra.cel.comparisons import may_be_wrong
from lens.model.fit.dra.cel.functions import declarations
from lens.model.fit.dra.cel.text import DOMAIN, prepare
from lens.model.fit.dra.cel.tokens import UnsupportedError
from lens.model.k8s.bounds import LONGEST_MESSAGE, short

MAX_PROGRAMS = 512
"""Expressions that are kept compiled."""

MAX_VERDICTS = 16_384
"""Verdicts that are kept of all of them together: who asks may send any number of expressions. One takes 1 to
4 KB. Beyond that all are dropped, and made again where they are needed."""

MAX_NAMES = 4096
"""Names that each of them remembers."""

_UNKNOWN = (BEYOND, UNKNOWN_FORM, "RESOURCE_EXHAUSTED")
"""Texts in messages of errors that kube-scheduler doesn't have."""

_NO_KEY = "NOT_FOUND: Key not found in map : "


class EvaluationError(Exception):
    """CEL's own error: kube-scheduler has it too, and rejects the pod."""


Verdict = tuple[bool | EvaluationError | UnsupportedError, Any]


class Program:
    """A compiled expression."""

    def __init__(self, expression: str) -> None:
        """Compile it. Raise UnsupportedError for what can't be compiled here."""
        prepared = prepare(expression)
        self.expression = expression
        self.names_only = prepared.names_only
        """Whether it reads only attributes and capacities whose names are in its text."""
        self.integers = prepared.integers
        """Whether it asks if quantities are whole numbers."""
        self._comparisons = prepared.comparisons
        try:
            self._compiled = _environment(prepared.integers).compile(prepared.text)
            kind = self._compiled.return_type().name()
        except (RuntimeError, ValueError, TypeError) as error:
            raise UnsupportedError(short(str(error).partition("\n")[0], LONGEST_MESSAGE)) from None
        if kind not in ("BOOL", "DYN"):
            raise UnsupportedError(f"the result is of type {short(kind)}, not bool")
        self.verdicts: dict[Any, Verdict] = {}
        """Its verdicts on devices, by the values that it reads, which are kept with them."""
        self.named: dict[str, bool] = {}
        """Whether an attribute's or a capacity's name is in its text."""

    def evaluate(
        self, device: Mapping[str, Any], versions: Collection[str] = (), others: Collection[str] = ()
    ) -> bool:
        """Return its verdict on a device, whose attributes' names are ``versions`` and ``others``.

        Raise EvaluationError, or UnsupportedError beyond the bounds.
        """
        if self._comparisons:
            readable = [name for name in versions if not self.names_only or name in self.expression]
            if may_be_wrong(self._comparisons, readable, versions, others):
                raise UnsupportedError("what it compares may be an error")
        try:
            result = self._compiled.eval(data=device)
            value, kind = result.plain_value(), result.type().name()
        except (RuntimeError, ValueError, TypeError) as error:
            raise UnsupportedError(short(str(error).partition("\n")[0], LONGEST_MESSAGE)) from None
        if isinstance(value, bool):
            return value
        if kind != _error_kind():
            raise EvaluationError(f"the result is of type {short(kind)}, not bool")
        text = str(value)
        if any(each in text for each in _UNKNOWN):
            raise UnsupportedError(short(text, LONGEST_MESSAGE))
        if text.startswith(_NO_KEY):
            raise EvaluationError(f"no such key: {short(text.removeprefix(_NO_KEY)).strip(chr(34))}")
        raise EvaluationError(short(text.partition(": ")[2] or text, LONGEST_MESSAGE))


class Verdicts:
    """Keeps the verdicts of all programs, within one bound. For use by several threads."""

    def __init__(self, most: int = MAX_VERDICTS) -> None:
        """Take the bound."""
        self._most = most
        self._number = 0
        self._programs: dict[Program, None] = {}

    def keep(self, program: Program, key: object, verdict: Verdict) -> None:
        """Keep a verdict of a program."""
        if self._number >= self._most:
            # Another thread may add programs meanwhile, to the new ones.
            programs, self._programs, self._number = self._programs, {}, 0
            for each in list(programs):
                each.verdicts.clear()
        self._programs[program] = None
        program.verdicts[key] = verdict
        self._number += 1


@lru_cache(maxsize=MAX_PROGRAMS)
def compiled(expression: str) -> Program | UnsupportedError:
    """Return a compiled expression, or why it can't be compiled."""
    try:
        return Program(expression)
    except UnsupportedError as error:
        return error


@lru_cache(maxsize=1)
def _error_kind() -> str:
    from cel_expr_python import cel

    return str(cel.Type.ERROR.name())


@lru_cache(maxsize=2)
def _environment(integers: bool) -> Any:
    """Return the environment that all expressions share, or all that ask for ``integers``."""
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_bindings, ext_optional

    text, values = cel.Type.STRING, cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    quantities = cel.Type.Map(text, values)
    # At runtime the two overloads have the same types, so they need different names.
    look_ups = [
        cel.FunctionDecl(
            f"{DOMAIN}_{field}",
            [cel.Overload(f"lens_{field}", of, [cel.Type.Map(text, of), text], False, _domain)],
        )
        for field, of in (("attributes", values), ("capacity", quantities))
    ]
    return cel.NewEnv(
        variables={
            "device.driver": text,
            "device.allowMultipleAllocations": cel.Type.BOOL,
            "device.attributes": cel.Type.Map(text, values),
            "device.capacity": cel.Type.Map(text, quantities),
        },
        extensions=[ext_bindings.ExtBindings(), ext_optional.ExtOptional()],
        functions=[*look_ups, *declarations(cel, integers=integers)],
    )


def _domain(entries: Mapping[str, Any], name: str) -> Any:
    return entries.get(name, {})
