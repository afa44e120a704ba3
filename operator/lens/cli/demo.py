"""``lens demo``: the whole operator on a simulated cluster, to try it out without one."""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lens.cli.failure import fail
from lens.cli.flags import Flags, options_of
from lens.cli.naming import by_origin
from lens.config.errors import SettingsError
from lens.config.field_types import LogLevel
from lens.config.reading import PREFIX, read
from lens.config.serve import ServeSettings

_CLUSTER = ServeSettings.model_fields["cluster"]


def _bearer(token: str) -> str:
    """Check that a header field can have it (RFC 6750, section 2.1)."""
    if not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", token):
        raise ValueError(f"{token[:60]!a} is no bearer token: letters, digits and - . _ ~ + /")
    return token


class DemoSettings(BaseModel):
    """The settings of ``lens demo``. They have no variables: a demo is what its command line says."""

    groups: ClassVar[Mapping[str, str]] = {
        "nodes": "The simulated cluster",
        "port": "Where it is served, and for whom",
        "log_level": "Log",
    }

    model_config = ConfigDict(extra="forbid", frozen=True)

    nodes: int = Field(default=10, ge=1, le=5000, description="How many nodes, of 8 GPUs each.")
    agents: int = Field(
        default=10, ge=0, le=100, description="On how many nodes, at most, a real agent runs."
    )
    seed: int = Field(default=1, description="What happens in the simulated cluster follows from it.")
    cluster: Annotated[str, *_CLUSTER.metadata] = Field(
        default="prod-cluster", description="The cluster's name."
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Where Lens answers, on 127.0.0.1.")
    kube_port: int = Field(
        default=0, ge=0, le=65535, description="Where the simulated apiserver answers; 0 for any."
    )
    token: Annotated[str, AfterValidator(_bearer)] = Field(
        default="demo-token", description="The token that Lens, the apiserver and the agents take."
    )
    log_level: LogLevel = "warning"


@options_of(DemoSettings)
def demo(flags: Flags) -> None:
    """Run Lens on a simulated cluster whose jobs come and go and whose nodes fail now and then."""
    try:
        settings = read(DemoSettings, PREFIX, flags, environ={})
    except SettingsError as error:
        fail(by_origin(str(error), PREFIX, DemoSettings, flags, environ={}))
    # Its imports are large, and other commands, the agent above all, do without them.
    try:
        from lens.cli import simulated
    except ModuleNotFoundError as error:
        if error.name != "lens_sim":
            raise
        fail("the simulated cluster is not installed (images don't have it): run `make demo` in a clone")

    simulated.run(settings)
