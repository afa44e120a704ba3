"""The control plane as one thing: up, down, and each of its programs killed and started at will."""

import csv
import json
import secrets
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cluster import etcd, kubeconfig, ports
from tests.e2e.cluster.lock import exclusive
from tests.e2e.cluster.programs import binaries
from tests.e2e.cluster.programs.components import (
    COMPONENTS,
    HOST,
    LISTENERS,
    USERS,
    Component,
    Site,
    argv,
    health_url,
)
from tests.e2e.cluster.programs.process import Process

REPOSITORY = Path(__file__).parents[3]
DIRECTORY = REPOSITORY / ".cluster"

READY_DEADLINE_S = 120


@dataclass(frozen=True)
class ControlPlane:
    """The control plane whose files are in `directory`; any number of these may look at the same one.

    It has `components` and listens on `host`. Its calls block; an asynchronous test makes them through
    `asyncio.to_thread`.
    """

    directory: Path = DIRECTORY
    components: tuple[Component, ...] = COMPONENTS
    host: str = HOST

    @property
    def programs(self) -> Path:
        """The folder with the built programs."""
        return DIRECTORY / "bin"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.directory / "kubeconfig"

    @property
    def client_ca(self) -> tuple[Path, Path]:
        """The CA whose client certificates the apiserver takes, and its key."""
        site = self._site()
        return site.client_ca, site.client_ca_key

    @property
    def url(self) -> str:
        """The apiserver's URL."""
        return self._site().url("kube-apiserver")

    @property
    def etcd_url(self) -> str:
        """etcd's client URL."""
        return self._site().url("etcd")

    @property
    def scheduler_resources_url(self) -> str:
        """The scheduler's metrics of what pods request (KEP-1748); they ask for no credentials."""
        return self._site().url("kube-scheduler") + "/metrics/resources"

    def up(self, heartbeat_s: int = 10) -> bool:
        """Build what is missing, start what does not run, wait until all is ready; return if any started.

        `heartbeat_s` is for a new cluster: its nodes report so often, and are NotReady after four times as
        long. A thousand nodes at 10 s take a fifth of two cores, so a benchmark wants it longer.
        """
        binaries.build(self.programs)
        with exclusive(self.directory / ".lock"):
            if not self._state.is_file():
                self._prepare(heartbeat_s)
            started = False
            for component in self.components:
                if self.process(component).pid is None:
                    self.start(component)
                    started = True
                else:
                    self._wait_ready(component)
            self._write_kubeconfig("admin", self.kubeconfig)
            return started

    def down(self) -> None:
        """End all programs and delete their data; the built programs and the logs stay."""
        with exclusive(self.directory / ".lock"):
            for component in reversed(self.components):
                self.stop(component)
            shutil.rmtree(self._data, ignore_errors=True)
            self.kubeconfig.unlink(missing_ok=True)
            self._state.unlink(missing_ok=True)

    def is_up(self) -> bool:
        """Tell whether every program runs and says that it is healthy."""
        return self._state.is_file() and all(self._healthy(component) for component in self.components)

    def start(self, component: Component, flags: Mapping[str, object] | None = None) -> None:
        """Start a component that does not run, some `flags` of it changed, and wait until it is ready."""
        site = self._site()
        if component in USERS:
            self.kubeconfig_of(component)
        self.process(component).start(argv(component, site, flags))
        self._wait_ready(component)
        if component == "kube-apiserver":
            self._write_ca()

    def stop(self, component: Component) -> None:
        """End a component with SIGTERM."""
        self.process(component).stop()

    def kill(self, component: Component) -> None:
        """End a component with SIGKILL."""
        self.process(component).kill()

    def restart(self, component: Component, flags: Mapping[str, object] | None = None) -> None:
        """End a component with SIGTERM and start it again on the same port, some `flags` of it changed."""
        self.stop(component)
        self.start(component, flags)

    def process(self, component: Component) -> Process:
        """Return a component's process: its pid, log and memory."""
        return Process(
            name=component,
            log=self.directory / "logs" / f"{component}.log",
            pid_file=self._data / f"{component}.pid",
        )

    def kubeconfig_of(self, user: str) -> Path:
        """Write the kubeconfig of one of USERS and return its path."""
        path = self._site().kubeconfig(user)
        self._write_kubeconfig(user, path)
        return path

    def revision(self) -> int:
        """Return etcd's current revision: the newest resourceVersion."""
        return etcd.revision(self.etcd_url)

    def compact(self) -> int:
        """Make etcd forget all history before its current revision, and return that revision.

        The apiserver answers watches from its own cache, so a watcher that resumes from before meets 410 Gone
        once the apiserver was restarted as well.
        """
        revision = self.revision()
        etcd.compact(self.etcd_url, revision)
        return revision

    def defragment(self) -> None:
        """Defragment etcd, which answers nothing meanwhile."""
        etcd.defragment(self.etcd_url)

    def save_data(self) -> None:
        """Keep a copy of etcd's data as they are now, instead of an earlier one; etcd is down meanwhile."""
        self.stop("etcd")
        shutil.rmtree(self._saved, ignore_errors=True)
        shutil.copytree(self._site().etcd_data, self._saved)
        self.start("etcd")

    def restore_data(self) -> None:
        """Put the cluster back to `save_data`: resourceVersions go backwards.

        Every component is restarted, since none expects that
        (https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/#restoring-an-etcd-cluster).
        """
        data = self._site().etcd_data
        for component in reversed(self.components):
            self.stop(component)
        shutil.rmtree(data)
        shutil.copytree(self._saved, data)
        for component in self.components:
            self.start(component)

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _saved(self) -> Path:
        return self._data / "etcd-saved"

    @property
    def _state(self) -> Path:
        return self.directory / "state.json"

    def _site(self) -> Site:
        if not self._state.is_file():
            raise FileNotFoundError(f"{self._state}: there is no cluster; start one with `make cluster-up`")
        state = json.loads(self._state.read_text())
        return Site(self.programs, self._data, state["ports"], state["heartbeat_s"], self.host)

    def _prepare(self, heartbeat_s: int) -> None:
        """Choose ports, keys and tokens for a new cluster."""
        for folder in (self._data, self.directory / "logs"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        chosen = dict(zip(LISTENERS, ports.free(len(LISTENERS)), strict=True))
        site = Site(self.programs, self._data, chosen, heartbeat_s, self.host)
        lines = [f'{secrets.token_hex(16)},{user},{user},"{group}"' for user, group in USERS.values()]
        kubeconfig.write_private(site.tokens, "\n".join(lines) + "\n")
        _openssl("genrsa", "-out", str(site.service_account_key), "2048")
        authority = ("-x509", "-subj", "/CN=clients", "-days", "30", "-newkey", "rsa:2048", "-nodes")
        _openssl("req", *authority, "-out", str(site.client_ca), "-keyout", str(site.client_ca_key))
        state = {"heartbeat_s": heartbeat_s, "ports": chosen}
        self._state.write_text(json.dumps(state, indent=2) + "\n")

    def _write_ca(self) -> None:
        """Take the CA's certificate out of the chain that the apiserver made, where it is the last."""
        site = self._site()
        begin = "-----BEGIN CERTIFICATE-----"
        site.ca.write_text(begin + site.serving_chain.read_text().rpartition(begin)[2])

    def _write_kubeconfig(self, user: str, path: Path) -> None:
        site = self._site()
        with site.tokens.open(newline="") as file:
            token = next(row[0] for row in csv.reader(file) if row[1] == USERS[user][0])
        kubeconfig.write(path, site.url("kube-apiserver"), site.ca.read_text(), token=token)

    def _wait_ready(self, component: Component) -> None:
        self.process(component).wait_ready(lambda: self._healthy(component), READY_DEADLINE_S)

    def _healthy(self, component: Component) -> bool:
        if self.process(component).pid is None:
            return False
        # Each component signs its own certificate, some in memory only; nothing secret is sent here.
        unverified = ssl._create_unverified_context()
        try:
            with urllib.request.urlopen(
                health_url(component, self._site()), timeout=5, context=unverified
            ) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
