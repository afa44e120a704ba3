"""``lens mcp``: the API as tools of LLM agents."""

import asyncio
import importlib.util
import os
from functools import partial
from typing import Annotated

from lens import config, logs
from lens.cli.failure import fail
from lens.cli.flags import Flag, flag
from lens.mcp import settings
from lens.mcp.settings import McpSettings

_flag = partial(flag, McpSettings)


def mcp(
    url: Annotated[Flag, _flag("url")] = None,
    token_file: Annotated[Flag, _flag("token_file")] = None,
    ca_file: Annotated[Flag, _flag("ca_file")] = None,
    mcp_listen: Annotated[Flag, _flag("mcp_listen")] = None,
    log_level: Annotated[Flag, _flag("log_level")] = None,
    log_format: Annotated[Flag, _flag("log_format")] = None,
) -> None:
    """Serve read-only tools for LLM agents (MCP) that ask a Lens over HTTP.

    Each flag is also a variable of the environment: --token-file is LENS_TOKEN_FILE.
    """
    flags = locals()
    try:
        chosen = settings.load(flags, os.environ)
        if importlib.util.find_spec("mcp") is None:
            fail("the MCP SDK is not installed: install requirements/mcp.txt (requirements/install mcp)")
        logs.configure(chosen.log_level, chosen.log_format)
        from lens.mcp import serving

        asyncio.run(serving.serve(chosen))
    except config.SettingsError as error:
        fail(str(error))
