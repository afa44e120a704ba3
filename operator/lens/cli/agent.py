"""``lens agent``: the node agent."""

import asyncio
import logging
import os

from lens import logs
from lens.agent import settings
from lens.agent.settings import AgentSettings
from lens.cli.failure import fail
from lens.cli.flags import Flags, options_of
from lens.cli.naming import by_origin
from lens.config.errors import SettingsError
from lens.config.reading import AGENT_PREFIX

_log = logging.getLogger("lens.cli")


@options_of(AgentSettings)
def agent(flags: Flags) -> None:
    """Serve the telemetry of this node's GPUs, and which pods hold them.

    Each flag is also an environment variable: --token-file is LENS_AGENT_TOKEN_FILE.
    """
    try:
        chosen = settings.load(flags, os.environ)
    except SettingsError as error:
        fail(_named(error, flags))
    logs.configure(chosen.log_level, chosen.log_format)
    try:
        # Its imports are most of its memory, and other commands do without them.
        from lens.agent import process

        asyncio.run(
            process.serve(chosen, lambda server: _log.info("listening", extra={"address": server.address}))
        )
    except SettingsError as error:
        fail(_named(error, flags), _log)


def _named(error: SettingsError, flags: Flags) -> str:
    return by_origin(str(error), AGENT_PREFIX, AgentSettings, flags, os.environ)
