"""Reviews of tokens and of access, as a real apiserver makes them, with accounts and their rights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from lens_sim.apiserver import status
from lens_sim.objects.resources import Object, Resource

API_AUDIENCE = "https://kubernetes.default.svc"


ACCESS_REVIEWS = Resource(
    "subjectaccessreviews", "SubjectAccessReview", False, (), {}, "authorization.k8s.io"
)


class Right(NamedTuple):
    """A rule of RBAC and where it holds: in one namespace or, for "", in all and for what has none."""

    verb: str
    group: str
    resource: str
    namespace: str = ""


@dataclass(frozen=True)
class Account:
    """The owner of a token."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ("system:authenticated",)
    audiences: tuple[str, ...] = (API_AUDIENCE,)
    extra: Mapping[str, list[str]] = field(default_factory=dict)


_NOBODY = Account("", audiences=())


@dataclass
class Accounts:
    """Accounts by their tokens, and rights by the name of a user or a group. Both may change at any time."""

    by_token: dict[str, Account] = field(default_factory=dict)
    rights: dict[str, set[Right]] = field(default_factory=dict)

    def token_review(self, body: bytes) -> Object:
        """Answer a TokenReview (kubernetes, pkg/registry/authentication/tokenreview); StatusError 400."""
        review = _read(body)
        spec = review["spec"]
        token = spec.get("token", "")
        if not token:
            raise status.bad_request("token is required for TokenReview in authentication")
        account = self.by_token.get(token, _NOBODY)
        asked = spec.get("audiences") or [API_AUDIENCE]
        audiences = [audience for audience in account.audiences if audience in asked]
        if not audiences:
            error = "[invalid bearer token, token lookup failed]"
            return {**review, "status": {"user": {}, "error": error}}
        user = {
            "username": account.name,
            "uid": account.uid,
            "groups": account.groups,
            "extra": account.extra,
        }
        return {**review, "status": {"authenticated": True, "user": user, "audiences": audiences}}

    def access_review(self, body: bytes) -> Object:
        """Answer a SubjectAccessReview by resource (plugin/pkg/auth/authorizer/rbac); StatusError 400."""
        review = _read(body)
        spec = review["spec"]
        asked = spec["resourceAttributes"]
        right = Right(asked["verb"], asked.get("group", ""), asked["resource"], asked.get("namespace", ""))
        allowed = any(
            granted in self.rights.get(name, ())
            for name in (spec.get("user", ""), *spec.get("groups", ()))
            for granted in (right, right._replace(namespace=""))
        )
        return {**review, "status": {"allowed": allowed}}


def _read(body: bytes) -> Object:
    try:
        return msgspec.json.decode(body, type=dict)
    except msgspec.DecodeError as error:
        raise status.bad_request(f"the object provided is unrecognized: {error}") from error
