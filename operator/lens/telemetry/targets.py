"""The targets of the scraper."""

import msgspec

from lens.model.gpu.telemetry import Source


class Target(msgspec.Struct, frozen=True):
    """The pod of an agent or exporter. Only targets of source ``agent`` are sent the token.

    ``url`` is complete, such as ``http://10.0.0.7:9479/v1/devices``. ``pod`` and ``uid`` are the pod's: a new
    pod of the same name is another target.
    """

    node: str
    url: str
    source: Source
    pod: str
    uid: str
