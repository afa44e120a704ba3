"""``lens mcp``: the API as tools of LLM agents."""

import asyncio
import importlib.util
import os

from lens import logs
from lens.cli.failure import fail
from lens.cli.flags import Flags, options_of
from lens.cli.naming import by_origin
from lens.config.errors import SettingsError
from lens.config.reading import PREFIX
from lens.mcp import settings
from lens.mcp.settings import McpSettings


@options_of(McpSettings)
def mcp(flags: Flags) -> None:
    """Serve read-only tools for LLM agents (MCP) that ask a Lens over HTTP.

    Each flag is also an environment variable: --token-file is LENS_TOKEN_FILE.
    """
    try:
        chosen = settings.load(flags, os.environ)
        if importlib.util.find_spec("mcp") is None:
            fail("the MCP SDK is not installed: install requirements/mcp.txt (requirements/install mcp)")
    except SettingsError as error:
        fail(_named(error, flags))
    logs.configure(chosen.log_level, chosen.log_format)
    try:
        from lens.mcp import serving

        asyncio.run(serving.serve(chosen))
    except SettingsError as error:
        fail(_named(error, flags))


def _named(error: SettingsError, flags: Flags) -> str:
    return by_origin(str(error), PREFIX, McpSettings, flags, os.environ)
