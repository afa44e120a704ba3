"""``lens agent``: the node agent."""

import asyncio
import logging
import os
from functools import partial
from typing import Annotated

from lens import config, logs
from lens.agent import settings
from lens.agent.settings import AgentSettings
from lens.cli.failure import fail
from lens.cli.flags import Flag, flag

_log = logging.getLogger("lens.cli")


_flag = partial(flag, AgentSettings)


def agent(
    node: Annotated[Flag, _flag("node")] = None,
    listen: Annotated[Flag, _flag("listen")] = None,
    token_file: Annotated[Flag, _flag("token_file")] = None,
    interval_seconds: Annotated[Flag, _flag("interval_seconds")] = None,
    podresources_socket: Annotated[Flag, _flag("podresources_socket")] = None,
    gpu_resources: Annotated[Flag, _flag("gpu_resources")] = None,
    dcgm_names: Annotated[Flag, _flag("dcgm_names")] = None,
    tls_cert_file: Annotated[Flag, _flag("tls_cert_file")] = None,
    tls_key_file: Annotated[Flag, _flag("tls_key_file")] = None,
    log_level: Annotated[Flag, _flag("log_level")] = None,
    log_format: Annotated[Flag, _flag("log_format")] = None,
) -> None:
    """Tell what the GPUs of this node are doing, and which pods hold them.

    Each flag is also a variable of the environment: --token-file is LENS_AGENT_TOKEN_FILE.
    """
    flags = locals()
    try:
        chosen = settings.load(flags, os.environ)
        logs.configure(chosen.log_level, chosen.log_format)
        # Its imports are most of its memory, and other commands do without them.
        from lens.agent import process

        asyncio.run(
            process.serve(chosen, lambda server: _log.info("listening", extra={"address": server.address}))
        )
    except config.SettingsError as error:
        fail(str(error))
