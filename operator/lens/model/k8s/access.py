"""The user and the permission of a review, in Kubernetes' own terms."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """The owner of a token, as in a TokenReview (authentication.k8s.io/v1, UserInfo)."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Permission:
    """A verb on a resource of a group ("" is core), in one namespace or, for None, in the whole cluster."""

    verb: str
    resource: str
    group: str = ""
    namespace: str | None = None

    def __str__(self) -> str:
        """Return ``get realtime.lens``, as ``kubectl auth can-i`` takes it."""
        return f"{self.verb} {self.resource}.{self.group}" if self.group else f"{self.verb} {self.resource}"


class ReviewFailedError(Exception):
    """A review has no result: the apiserver did not answer, or its answer was invalid."""
