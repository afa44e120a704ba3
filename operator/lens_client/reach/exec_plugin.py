"""Credentials from an exec plugin of the kubeconfig (client.authentication.k8s.io, v1 and v1beta1)."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from lens_client.exits import CommandError
from lens_client.reach.kubeconfig.entries import Cluster, User
from lens_client.reach.kubeconfig.files import scalar

API = "client.authentication.k8s.io"

PLUGIN_SECONDS = 300.0
"""A plugin may open a browser and wait for a person."""


class ExecCredentials(NamedTuple):
    """A plugin's credentials: a token, a client certificate with its key (in PEM), or both."""

    token: str | None
    certificate: str | None
    key: str | None


def run(user: User, cluster: Cluster, environ: Mapping[str, str]) -> ExecCredentials:
    """Run the plugin of a user. Raise CommandError, which has the plugin's hint if it isn't installed."""
    import subprocess

    plugin = user.exec or {}
    command = plugin.get("command")
    if not isinstance(command, str) or not command:
        raise CommandError(f"the kubeconfig's user {user.name!a}: exec has no command")
    if os.sep in command:
        command = os.path.join(user.exec_folder, command)
    version = plugin.get("apiVersion", f"{API}/v1")
    interactive = plugin.get("interactiveMode", "IfAvailable") != "Never" and sys.stdin.isatty()
    if plugin.get("interactiveMode") == "Always" and not interactive:
        raise CommandError(f"{command} of the kubeconfig needs a terminal, and stdin isn't one")
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = _cluster_info(cluster)
    arguments = _arguments(plugin, user.name)
    variables = _variables(plugin, user.name)
    info = {"kind": "ExecCredential", "apiVersion": version, "spec": spec}
    try:
        with _interrupted_later() as interrupts:
            process = subprocess.Popen(  # noqa: S603 the user's own kubeconfig names it
                [command, *arguments],
                env={**environ, **variables, "KUBERNETES_EXEC_INFO": _json(info)},
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
            )
    except FileNotFoundError:
        hint = " ".join(str(plugin.get("installHint") or "install it").split())
        raise CommandError(f"{command} of the kubeconfig's user {user.name!a} is not there: {hint}") from None
    except OSError as error:
        raise CommandError(f"{command} of the kubeconfig can't be run: {error.strerror}") from None
    except ValueError as error:  # a null byte, or = in a variable's name
        raise CommandError(f"{command!a} of the kubeconfig can't be run: {error}") from None
    try:
        if interrupts:
            raise KeyboardInterrupt
        printed, _ = process.communicate(timeout=PLUGIN_SECONDS)
    except subprocess.TimeoutExpired:
        raise CommandError(f"{command} of the kubeconfig took longer than {PLUGIN_SECONDS:g} s") from None
    finally:
        # After Ctrl+C too nothing is left of it.
        process.kill()
        process.wait()
    if process.returncode:
        raise CommandError(f"{command} of the kubeconfig ended with {process.returncode}")
    return _credentials(command, version, printed)


def _json(info: Mapping[str, Any]) -> str:
    # YAML has times, which client-go takes for text.
    return json.dumps(info, default=str)


@contextmanager
def _interrupted_later() -> Iterator[list[int]]:
    """Hold back Ctrl+C while a process is being started; yield the list of held interrupts."""
    interrupts: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    handler = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, handler)


def _credentials(command: str, version: str, printed: bytes) -> ExecCredentials:
    try:
        document = json.loads(printed)
        status = document["status"]
        found = [status.get(key) for key in ("token", "clientCertificateData", "clientKeyData")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CommandError(f"{command} of the kubeconfig printed no ExecCredential") from None
    if document.get("apiVersion") != version:
        raise CommandError(
            f"{command} of the kubeconfig printed {document.get('apiVersion')!a}, not {version}"
        )
    token, certificate, key = (each if isinstance(each, str) and each else None for each in found)
    if token is None and (certificate is None or key is None):
        raise CommandError(
            f"{command} of the kubeconfig printed neither a token nor a certificate with its key"
        )
    return ExecCredentials(token, certificate, key)


def _arguments(plugin: Mapping[str, Any], user: str) -> list[str]:
    found = plugin.get("args") or []
    if not isinstance(found, list):
        raise CommandError(f"the kubeconfig's user {user!a}: exec.args isn't a list")
    return [str(scalar(each)) for each in found]


def _variables(plugin: Mapping[str, Any], user: str) -> dict[str, str]:
    found = plugin.get("env") or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise CommandError(f"the kubeconfig's user {user!a}: exec.env isn't a list of names and values")
    return {str(each["name"]): str(scalar(each.get("value", ""))) for each in found if "name" in each}


def _cluster_info(cluster: Cluster) -> dict[str, Any]:
    authority = cluster.ca_data
    if authority is None and cluster.ca_file is not None:
        from base64 import b64encode

        try:
            with open(cluster.ca_file, "rb") as file:
                authority = b64encode(file.read()).decode()
        except OSError as error:
            raise CommandError(f"{cluster.ca_file} can't be read: {error.strerror}") from None
    info = {
        "server": cluster.server,
        "tls-server-name": cluster.server_name,
        "insecure-skip-tls-verify": cluster.insecure,
        "certificate-authority-data": authority,
        "proxy-url": cluster.proxy,
        "config": cluster.exec_config,
    }
    return {name: value for name, value in info.items() if value}
