"""Port-forwards to any pod of a Lens that can be reached."""

import socket
import threading
from collections.abc import Callable

from lens_client.reach.apiserver import ApiServer, KubernetesError
from lens_client.reach.find import LensPod
from lens_client.reach.port_forward import PortForward
from lens_client.transport import tls
from lens_client.transport.deadline import Deadline

_PASSED_OVER = (404, 500, 502, 503, 504)
"""The pod is gone, or its node doesn't answer."""


class Forwards:
    """Connections to a Lens. ``find`` returns its ready pods; it is called again when none is left.

    Several threads may ask at once.
    """

    def __init__(self, apiserver: ApiServer, pods: list[LensPod], find: Callable[[], list[LensPod]]) -> None:
        self._apiserver, self._find = apiserver, find
        self._lock = threading.Lock()
        self._left: list[PortForward] = []
        self._put(pods)
        self._last = self._left[0]

    def _put(self, pods: list[LensPod]) -> None:
        self.scheme = pods[0].scheme
        self._left = [PortForward(self._apiserver, pod.namespace, pod.name, pod.port) for pod in pods]

    def connect(self, deadline: Deadline) -> socket.socket:
        """Return a connection that speaks HTTP with Lens. Raise CommandError, or OSError."""
        ours, theirs = socket.socketpair()
        try:
            self.join(theirs, deadline)
            if self.scheme == "https":
                ours.settimeout(deadline.left())
                # No certificate names a pod: apiserver and kubelet decide what is at the end of the tunnel.
                ours = tls.context(insecure=True).wrap_socket(ours, server_hostname="lens")
        except BaseException:
            ours.close()
            theirs.close()
            raise
        return ours

    def join(self, local: socket.socket, deadline: Deadline) -> None:
        """Join a connection to Lens' port until one side closes. Raise CommandError, and leave it open."""
        failure: KubernetesError | None = None
        has_found = False
        while True:
            with self._lock:
                if self._left and self._left[0].failure is not None:
                    # Its last connection ended badly: after a roll-out there are other pods.
                    del self._left[0]
                if not self._left:
                    if has_found and failure is not None:
                        raise failure
                    self._put(self._find())
                    has_found = True
                forward = self._last = self._left[0]
            try:
                forward.join(local, deadline)
            except KubernetesError as error:
                if error.code not in _PASSED_OVER:
                    raise
                failure = error
                with self._lock:
                    if forward in self._left:
                        self._left.remove(forward)
            else:
                return

    def explain(self, error: OSError) -> str:
        """Return why a request failed."""
        return self._last.explain(error)
