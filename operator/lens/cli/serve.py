"""``lens serve``: the operator."""

import asyncio
import logging
import os

from lens import logs
from lens.cli.failure import fail
from lens.cli.flags import Flags, options_of
from lens.cli.naming import by_origin
from lens.cli.process import configure_operator
from lens.config.errors import SettingsError
from lens.config.reading import PREFIX
from lens.config.serve import ServeSettings, load

_log = logging.getLogger("lens.cli")


@options_of(ServeSettings)
def serve(flags: Flags) -> None:
    """Watch a cluster's GPUs, and serve their figures over HTTP.

    Each flag is also an environment variable: --cache-seconds is LENS_CACHE_SECONDS.
    """
    try:
        settings = load(flags, os.environ)
    except SettingsError as error:
        fail(_named(error, flags))
    logs.configure(settings.log_level, settings.log_format)
    run(settings, flags)


def run(settings: ServeSettings, flags: Flags) -> None:
    """Run the operator until it is stopped; exit 2 with one line if it can't be started.

    ``flags`` are those that were given.
    """
    from lens import app

    configure_operator()
    try:
        asyncio.run(
            app.serve(settings, lambda server: _log.info("listening", extra={"address": server.address}))
        )
    except SettingsError as error:
        fail(_named(error, flags), _log)
    except OSError as error:
        fail(error.strerror or str(error), _log)


def _named(error: SettingsError, flags: Flags) -> str:
    return by_origin(str(error), PREFIX, ServeSettings, flags, os.environ)
