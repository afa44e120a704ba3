"""Names that Kubernetes makes up."""

import random

# Its alphabet (apimachinery, util/rand).
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def made_up(length: int, chance: random.Random) -> str:
    """Return so many letters and digits, as they come after `generateName`."""
    return "".join(chance.choices(_SAFE, k=length))
