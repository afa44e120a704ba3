"""What an attack is, and what is claimed of it."""

from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from tests.attack.scene import Scene

Kind = Literal["operator", "agent", "mcp"]

CASES: dict[str, type["Case"]] = {}
"""All of them by name, in the order in which they were declared."""


class Case:
    """An attack. Its class says who does what, and how Lens is run meanwhile.

    Cases of one kind have one `row`. `settings` are the operator's beside the usual ones,
    `files` how many files it may open. `others` tells whether honest clients are measured. An attack that
    `stands_alone` needs Lens to be started in its own way.
    """

    name: ClassVar[str]
    row: ClassVar[int]
    who: ClassVar[str]
    what: ClassVar[str]
    kind: ClassVar[Kind] = "operator"
    nodes: ClassVar[int] = 20
    settings: ClassVar[dict[str, str]] = {}
    files: ClassVar[int | None] = None
    others: ClassVar[bool] = True
    stands_alone: ClassVar[bool] = False
    seconds: ClassVar[float] = 10.0
    short_seconds: ClassVar[float] = 3.0

    def __init_subclass__(cls) -> None:
        """Note the case under its name."""
        if hasattr(cls, "name"):
            CASES[cls.name] = cls

    def prepare(self, scene: "Scene") -> None:
        """Do what is done before Lens starts."""

    async def attack(self, scene: "Scene", seconds: float) -> list[str]:
        """Attack for about so long; return what was seen that must not be."""
        raise NotImplementedError
