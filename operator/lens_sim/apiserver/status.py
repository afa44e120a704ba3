"""Kubernetes' answer to a failed request: a Status object (metav1.Status)."""

from typing import Any

import msgspec

from lens_sim.objects.resources import Object, Resource


class StatusError(Exception):
    """A request that ends in a Status; `code` is its HTTP code."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        continue_token: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": continue_token} if continue_token else {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": details} if details else {}),
            "code": code,
        }

    def body(self) -> bytes:
        """Return the Status as JSON."""
        return msgspec.json.encode(self.status)


def bad_request(message: str) -> StatusError:
    """Return the answer to a request that can't be understood."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """Return the answer to a request without a valid token."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, verb: str, resource: Resource, namespace: str | None, name: str) -> StatusError:
    """Return the answer to a request that RBAC forbids (apiserver, `responsewriters.Forbidden`)."""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    what = f'{_qualified(resource)} "{name}"' if name else _qualified(resource)
    message = (
        f'{what} is forbidden: User "{user}" cannot {verb} resource "{resource.plural}" '
        f'in API group "{resource.group}" {where}'
    )
    details = {"name": name, "group": resource.group, "kind": resource.plural}
    return StatusError(403, "Forbidden", message, {key: value for key, value in details.items() if value})


def unknown_path() -> StatusError:
    """Return the answer to a path or resource that is not served."""
    return StatusError(404, "NotFound", "the server could not find the requested resource")


def not_found(resource: Resource, name: str) -> StatusError:
    """Return the answer to the name of an object that is not there."""
    details = {"name": name, "kind": resource.plural}
    if resource.group:
        details["group"] = resource.group
    return StatusError(404, "NotFound", f'{_qualified(resource)} "{name}" not found', details)


def method_not_allowed() -> StatusError:
    """Return the answer to a write: this server is read-only."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message)


def expired(message: str, continue_token: str = "") -> StatusError:
    """Return the answer to a version that has been compacted."""
    return StatusError(410, "Expired", message, continue_token=continue_token)


def invalid(message: str) -> StatusError:
    """Return the answer to list options that contradict each other."""
    return StatusError(422, "Invalid", f"ListOptions.meta.k8s.io is invalid: {message}")


def version_too_large(asked: int, current: int) -> StatusError:
    """Return the answer to a list at a version that is yet to come."""
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return StatusError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})


def _qualified(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural
