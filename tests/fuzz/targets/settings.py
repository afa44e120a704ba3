"""What an administrator writes into the environment, and into the files that it names."""

import contextlib

from lens.agent import settings as agent
from lens.config.errors import SettingsError
from lens.config.serve import load
from lens.files.certificates import Validity
from tests.fuzz.target import target
from tests.fuzz.targets.callers import BY_ADMINISTRATORS


@target("settings", longest=BY_ADMINISTRATORS)
def settings(data: bytes) -> None:
    """Read variables, one a line, as both commands do."""
    lines = data.replace(b"\0", b"").decode(errors="surrogateescape").split("\n")
    variables = {name: value for name, _, value in (line.partition("=") for line in lines)}
    for read in (load, agent.load):
        with contextlib.suppress(SettingsError):
            read({}, variables)


@target("certificate", longest=BY_ADMINISTRATORS)
def certificate(data: bytes) -> None:
    """Read from when to when a certificate is valid."""
    with contextlib.suppress(ValueError):
        str(Validity.read(data.decode(errors="replace")))
