"""A pod's ResourceClaims of GPUs, as tasks and pending tasks have them."""

from collections.abc import Iterable

from lens.api.schemas.tasks import Claim, ClaimReason
from lens.api.schemas.tasks import ClaimedDevice as ClaimedDeviceRow
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.objects.pod_claims import ClaimedDevice, ClaimUse


def claim_rows(pod: Pod) -> list[Claim]:
    """Return a pod's claims, each with its devices or with the reason why it isn't ready."""
    return [_claim(use) for use in pod.uses]


def _claim(use: ClaimUse) -> Claim:
    reason, waits_for = _reason(use)
    return {
        "name": use.name or None,
        "resource_claim": use.claim,
        "ready": reason is None,
        "reason": reason,
        "waits_for": list(waits_for),
        "gpus": use.gpus if use.state in ("waiting", "not ready", "held") else None,
        "devices": [_device(each) for each in use.devices],
    }


def _reason(use: ClaimUse) -> tuple[ClaimReason | None, Iterable[str]]:
    """Return why a claim isn't ready, None if it is, and what it waits for."""
    if use.state == "missing":
        return ("NOT_CREATED" if use.claim is None else "NOT_FOUND"), ()
    if use.state in ("waiting", "reserved for others") and use.terminating:
        return "TERMINATING", use.waits_for
    if use.state == "waiting":
        if use.unknown_classes:
            return "NO_DEVICE_CLASS", use.unknown_classes
        return "NOT_ALLOCATED", use.waits_for
    if use.state == "reserved for others":
        return "NOT_RESERVED", ()
    failed = sorted({name for each in use.devices for name in each.allocated.failed})
    if failed:
        return "BINDING_FAILED", failed
    return ("BINDING_CONDITIONS" if use.state == "not ready" else None), use.waits_for


def _device(device: ClaimedDevice) -> ClaimedDeviceRow:
    allocated = device.allocated
    unknown = None in (device.product, device.uuid, device.gpu_uuid)
    return {
        "request": allocated.request,
        "driver": allocated.driver,
        "pool": allocated.pool,
        "device": allocated.device,
        "share_id": allocated.share_id,
        "product": device.product,
        "uuid": device.uuid,
        "gpu_uuid": device.gpu_uuid,
        "reason": ("SLICE_GONE" if device.gone else "NOT_REPORTED") if unknown else None,
    }
