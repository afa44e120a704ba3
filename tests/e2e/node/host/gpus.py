"""The node's GPUs: a device plugin that gives them out, and NVIDIA's library, simulated."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lens_sim.node.nvml import library
from lens_sim.node.nvml.scenario import Gpu, Scenario
from tests.e2e.node.host.device_plugin import DevicePlugin

FOLDER = Path("/run/lens-gpus")
COUNT = 8

Values = dict[str, object]


def _uuid(number: int) -> str:
    return f"GPU-{uuid.uuid5(uuid.NAMESPACE_DNS, f'{number}.gpu-node-1.lens')}"


@dataclass
class Gpus:
    """All that the node has; `busy` is each one's utilization in percent, by its number."""

    plugin: DevicePlugin = field(
        default_factory=lambda: DevicePlugin([_uuid(number) for number in range(COUNT)])
    )
    library: Path = field(default_factory=lambda: library.build(FOLDER))

    @property
    def uuids(self) -> list[str]:
        """Return each one's uuid, by its number."""
        return list(self.plugin.uuids)

    def play(self, utilization: Mapping[str, float]) -> None:
        """Let each GPU be so busy, in percent by uuid; the others are idle."""
        gpus = [
            Gpu(uuid=each, minor=number, utilization=utilization.get(each, 0.0), memory=2**30 * (number + 1))
            for number, each in enumerate(self.uuids)
        ]
        Scenario(gpus, latency=False).write(FOLDER / "scenario")

    def values(self) -> Values:
        """Return the chart's values with which its agents find the simulated library."""
        return {
            "settings": {"intervalSeconds": 1},
            "extraEnv": [
                {"name": name, "value": value}
                for name, value in library.environment(self.library, FOLDER / "scenario").items()
            ],
            "extraVolumes": [{"name": "gpus", "hostPath": {"path": str(FOLDER), "type": "Directory"}}],
            "extraVolumeMounts": [{"name": "gpus", "mountPath": str(FOLDER), "readOnly": True}],
        }
