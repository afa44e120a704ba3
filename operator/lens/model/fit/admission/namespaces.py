"""What an apiserver refuses because of a pod's namespace.

Source: NamespaceLifecycle, and pkg/registry/resource/utils.go (AuthorizedForAdmin), in Kubernetes 1.37.
"""

from lens.model.fit.admission.policies import Policies
from lens.model.fit.spec.asked import AskedPod

ADMIN_ACCESS = "resource.kubernetes.io/admin-access"
"""The label that permits a namespace's claims to have admin access."""


def refused_in(namespace: str, policies: Policies, asked: AskedPod) -> str | None:
    """Return why a namespace refuses such pods or their claims.

    None if it does, or is none, or if namespaces aren't known. Claims count that are still to be made.
    """
    known = policies.namespaces
    if known is None:
        return None
    labels = known.get(namespace)
    if namespace and namespace != "default" and labels is None:
        return f'namespaces "{namespace}" not found'
    if namespace in policies.terminating:
        return f"unable to create new content in namespace {namespace} because it is being terminated"
    if labels is not None and labels.get(ADMIN_ACCESS) != "true" and _needs_admin(asked):
        return (
            f"admin access to devices requires the `{ADMIN_ACCESS}: true` label on the containing namespace"
        )
    return None


def _needs_admin(asked: AskedPod) -> bool:
    requests = (request for each in asked.claims if each.spec is not None for request in each.spec.requests)
    return any(one.admin_access for request in requests for one in request.alternatives)
