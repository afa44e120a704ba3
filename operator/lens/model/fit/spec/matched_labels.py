"""Which pods a selector selects: each set of labels, which many pods share, is matched once."""

from lens.model.fit.spec.labels import UNKNOWN_LABELS, FlatLabels
from lens.model.fit.spec.selectors import Selector


class MatchedLabels:
    """The verdicts of one selector. A selector of None selects nothing."""

    def __init__(self, selector: Selector | None) -> None:
        """Start without any verdicts."""
        self._selector = selector
        self._verdicts: dict[int, tuple[FlatLabels, bool]] = {}

    def of(self, labels: FlatLabels) -> bool:
        """Return whether pods with these labels are selected."""
        # Hashing the labels would take longer than matching them. The verdict keeps them, and so their id.
        found = self._verdicts.get(id(labels))
        if found is None:
            selected = self._selector is not None and self._selector.matches_flat(labels)
            found = self._verdicts[id(labels)] = (labels, selected)
        return found[1]

    @property
    def has_met_unknown(self) -> bool:
        """Return whether it is unknown for some pod whether it is selected."""
        requires = self._selector is not None and bool(self._selector.requirements)
        return requires and id(UNKNOWN_LABELS) in self._verdicts
