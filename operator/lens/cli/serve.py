"""``lens serve``: the operator."""

import asyncio
import logging
import os
from functools import partial
from typing import Annotated

from lens import config, logs
from lens.cli.failure import fail
from lens.cli.flags import Flag, flag
from lens.cli.process import configure_operator
from lens.config import ServeSettings

_log = logging.getLogger("lens.cli")


_flag = partial(flag, ServeSettings)


def serve(
    cluster: Annotated[Flag, _flag("cluster")] = None,
    listen: Annotated[Flag, _flag("listen")] = None,
    auth: Annotated[Flag, _flag("auth")] = None,
    tokens_file: Annotated[Flag, _flag("tokens_file")] = None,
    token_audiences: Annotated[Flag, _flag("token_audiences")] = None,
    access_stale_seconds: Annotated[Flag, _flag("access_stale_seconds")] = None,
    requests_per_minute: Annotated[Flag, _flag("requests_per_minute")] = None,
    requests_burst: Annotated[Flag, _flag("requests_burst")] = None,
    streams_per_caller: Annotated[Flag, _flag("streams_per_caller")] = None,
    tls_cert_file: Annotated[Flag, _flag("tls_cert_file")] = None,
    tls_key_file: Annotated[Flag, _flag("tls_key_file")] = None,
    metrics_open: Annotated[Flag, _flag("metrics_open")] = None,
    cache_seconds: Annotated[Flag, _flag("cache_seconds")] = None,
    ready_max_age_seconds: Annotated[Flag, _flag("ready_max_age_seconds")] = None,
    kubeconfig: Annotated[Flag, _flag("kubeconfig")] = None,
    kube_context: Annotated[Flag, _flag("kube_context")] = None,
    gpu_resources: Annotated[Flag, _flag("gpu_resources")] = None,
    tolerated_taints: Annotated[Flag, _flag("tolerated_taints")] = None,
    telemetry: Annotated[Flag, _flag("telemetry")] = None,
    telemetry_namespace: Annotated[Flag, _flag("telemetry_namespace")] = None,
    telemetry_selector: Annotated[Flag, _flag("telemetry_selector")] = None,
    telemetry_daemonset: Annotated[Flag, _flag("telemetry_daemonset")] = None,
    telemetry_port: Annotated[Flag, _flag("telemetry_port")] = None,
    telemetry_token_file: Annotated[Flag, _flag("telemetry_token_file")] = None,
    telemetry_ca_file: Annotated[Flag, _flag("telemetry_ca_file")] = None,
    telemetry_server_name: Annotated[Flag, _flag("telemetry_server_name")] = None,
    telemetry_interval_seconds: Annotated[Flag, _flag("telemetry_interval_seconds")] = None,
    telemetry_timeout_seconds: Annotated[Flag, _flag("telemetry_timeout_seconds")] = None,
    alert_for_seconds: Annotated[Flag, _flag("alert_for_seconds")] = None,
    alert_clear_seconds: Annotated[Flag, _flag("alert_clear_seconds")] = None,
    alert_idle_seconds: Annotated[Flag, _flag("alert_idle_seconds")] = None,
    alert_idle_percent: Annotated[Flag, _flag("alert_idle_percent")] = None,
    alert_throttled_seconds: Annotated[Flag, _flag("alert_throttled_seconds")] = None,
    alert_pending_seconds: Annotated[Flag, _flag("alert_pending_seconds")] = None,
    alert_not_ready_seconds: Annotated[Flag, _flag("alert_not_ready_seconds")] = None,
    alert_cordoned_seconds: Annotated[Flag, _flag("alert_cordoned_seconds")] = None,
    alert_agent_seconds: Annotated[Flag, _flag("alert_agent_seconds")] = None,
    alert_watch_age_seconds: Annotated[Flag, _flag("alert_watch_age_seconds")] = None,
    events_kept: Annotated[Flag, _flag("events_kept")] = None,
    peers: Annotated[Flag, _flag("peers")] = None,
    peers_identity: Annotated[Flag, _flag("peers_identity")] = None,
    peers_timeout_seconds: Annotated[Flag, _flag("peers_timeout_seconds")] = None,
    log_level: Annotated[Flag, _flag("log_level")] = None,
    log_format: Annotated[Flag, _flag("log_format")] = None,
) -> None:
    """Count a cluster's GPUs and answer for them over HTTP.

    Each flag is also a variable of the environment: --cache-seconds is LENS_CACHE_SECONDS.
    """
    flags = locals()
    try:
        settings = config.load(flags, os.environ)
    except config.SettingsError as error:
        fail(str(error))
    logs.configure(settings.log_level, settings.log_format)
    run(settings)


def run(settings: ServeSettings) -> None:
    """Run the operator until it is told to stop; exit 2 with one line if it can't be started."""
    from lens import app

    configure_operator()
    try:
        asyncio.run(
            app.serve(settings, lambda server: _log.info("listening", extra={"address": server.address}))
        )
    except config.SettingsError as error:
        fail(str(error))
    except OSError as error:
        fail(error.strerror or str(error))
