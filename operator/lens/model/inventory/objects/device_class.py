"""A DeviceClass as the ledger stores it: whether it is of GPUs, and the extended resource that it serves."""

import re
from sys import intern

import msgspec

from lens.model.k8s import timestamps
from lens.model.k8s.bounds import LONGEST_RESOURCE, short
from lens.model.k8s.dra.entries import read_each
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.dra.objects import DeviceClassManifest, DeviceSelector
from lens.model.k8s.gpu_resources import GpuResources

# A CEL string literal, with a preceding ``!=``, which excludes the driver.
_LITERAL = re.compile(r"""(!=\s*)?(?:"([^"\\]{1,253})"|'([^'\\]{1,253})')""")


class DeviceClass(msgspec.Struct, frozen=True, gc=False):
    """A DeviceClass. ``gpus`` says whether its devices are GPUs.

    They are if a selector names a GPU driver, or if ``extended_resource``, which the class serves, is one of
    GPUs. Only the scheduler evaluates selectors as a whole.
    """

    name: str
    gpus: bool
    extended_resource: str | None
    created_at: int | None


_selector = msgspec.json.Decoder(DeviceSelector)


def read_device_class(
    manifest: DeviceClassManifest, drivers: GpuDrivers, resources: GpuResources
) -> DeviceClass:
    """Return a class."""
    spec = manifest.spec
    extended = spec.extended_resource_name
    if extended is not None and len(extended) > LONGEST_RESOURCE:
        extended = None
    return DeviceClass(
        name=intern(manifest.metadata.name),
        gpus=(extended is not None and bool(resources.units({extended: 1})))
        or any(
            _names_gpu_driver(selector.cel.expression, drivers)
            for selector in read_each(_selector, spec.selectors)
            if selector.cel is not None
        ),
        extended_resource=extended and intern(short(extended, LONGEST_RESOURCE)),
        created_at=timestamps.parse(manifest.metadata.creation_timestamp),
    )


def _names_gpu_driver(expression: str, drivers: GpuDrivers) -> bool:
    return any(not match[1] and (match[2] or match[3]) in drivers for match in _LITERAL.finditer(expression))
