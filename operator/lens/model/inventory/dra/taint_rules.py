"""The stored DeviceTaintRules, by name and by the pools that they select."""

from collections.abc import Sequence

from lens.model.inventory.objects.claim import PoolKey
from lens.model.inventory.objects.taint_rule import TaintRule


class TaintRules:
    """The stored DeviceTaintRules. It has one writer."""

    def __init__(self) -> None:
        """Start without rules."""
        self.by_name: dict[str, TaintRule] = {}
        self._by_selection: dict[tuple[str | None, str | None], dict[str, TaintRule]] = {}

    def put(self, name: str, rule: TaintRule | None) -> Sequence[TaintRule]:
        """Store a rule; None removes it. Return the former rule and the new one, as far as they exist."""
        before = self.by_name.pop(name, None)
        if before is not None:
            selected = before.driver, before.pool
            del self._by_selection[selected][name]
            if not self._by_selection[selected]:
                del self._by_selection[selected]
        if rule is not None:
            self.by_name[name] = rule
            self._by_selection.setdefault((rule.driver, rule.pool), {})[name] = rule
        return [each for each in (before, rule) if each is not None]

    def of_pool(self, key: PoolKey) -> Sequence[TaintRule]:
        """Return the rules for devices of a pool, sorted by name."""
        if not self._by_selection:
            return ()
        selections = ((driver, pool) for driver in (key.driver, None) for pool in (key.pool, None))
        return sorted(
            (
                rule
                for each in selections
                for rule in self._by_selection.get(each, {}).values()
                if rule.matches_pool(*key)
            ),
            key=lambda rule: rule.name,
        )
