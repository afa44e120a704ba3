"""Whom to ask about a node's GPUs."""

import msgspec

from lens.model.gpu.telemetry import Source


class Target(msgspec.Struct, frozen=True):
    """An agent's or an exporter's pod. Only a target of source ``agent`` is ever sent the token.

    ``url`` is the whole address, such as ``http://10.0.0.7:9479/v1/devices``. ``pod`` and ``uid`` are the
    pod's: one that is made anew under the same name is another target.
    """

    node: str
    url: str
    source: Source
    pod: str
    uid: str
