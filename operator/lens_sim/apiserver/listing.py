"""One page of a list, and the continue token that leads to the next."""

import base64
import binascii
from dataclasses import dataclass

import msgspec

from lens_sim.apiserver import status
from lens_sim.apiserver.options import ListOptions
from lens_sim.apiserver.served import Form
from lens_sim.objects.resources import Object, Resource
from lens_sim.objects.store import CompactedError, Revision, Store

_FROM_NOW = -1  # the version in a token that goes on with the current state (apiserver, `EncodeContinue`)


class _Token(msgspec.Struct):
    v: str
    rv: int
    start: str


@dataclass(frozen=True)
class Page:
    """The objects of one page in key order, and the list's metadata."""

    revisions: list[Revision]
    metadata: Object

    def body(self, form: Form) -> bytes:
        """Return the page as JSON."""
        return b'{"kind":"%sList","apiVersion":"%s","metadata":%s,"items":[%s]}\n' % (
            form.named.kind.encode(),
            form.named.api_version.encode(),
            msgspec.json.encode(self.metadata),
            b",".join(form.body(revision.body) for revision in self.revisions),
        )


def page(store: Store, resource: Resource, namespace: str | None, options: ListOptions) -> Page:
    """Read one page from a consistent snapshot.

    Raises StatusError: 400 for a bad token, 410 for one whose snapshot is compacted, 504 for a version
    that is yet to come.
    """
    version, after = _starting_point(store, options)
    try:
        revisions = store.snapshot(resource, namespace, version)
    except CompactedError as error:
        if not options.continue_token:
            raise status.expired("The resourceVersion for the provided list is too old.") from error
        raise status.expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a "
            "new list without the continue parameter, or use the continue token in this response to retrieve "
            "the remainder of the results.",
            _encode(_FROM_NOW, after),
        ) from error
    if after:
        revisions = [revision for revision in revisions if revision.key > after]
    selected: list[Revision] = []
    remaining = 0
    for index, revision in enumerate(revisions):
        if not options.selector.matches(revision):
            continue
        selected.append(revision)
        if len(selected) == options.limit:
            remaining = len(revisions) - index - 1
            break
    metadata: Object = {"resourceVersion": str(version)}
    if remaining:
        metadata["continue"] = _encode(version, selected[-1].key)
        if options.selector.everything:
            metadata["remainingItemCount"] = remaining
    return Page(selected, metadata)


def _starting_point(store: Store, options: ListOptions) -> tuple[int, str]:
    asked = options.resource_version
    if options.continue_token:
        if asked:
            raise status.bad_request("specifying resource version is not allowed when using continue")
        version, after = _decode(options.continue_token)
    else:
        # A limit with a version but no match is exact (KEP-1904).
        version, after = asked if options.exact or options.limit else 0, ""
    if max(version, asked) > store.version:
        raise status.version_too_large(max(version, asked), store.version)
    return (version if version > 0 else store.version), after


def _encode(version: int, after: str) -> str:
    token = msgspec.json.encode(_Token(v="meta.k8s.io/v1", rv=version, start=after + "\0"))
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def _decode(text: str) -> tuple[int, str]:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        token = msgspec.json.decode(raw, type=_Token)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise status.bad_request(f"continue key is not valid: {error}") from error
    if token.v != "meta.k8s.io/v1" or token.rv == 0 or not token.start.endswith("\0"):
        raise status.bad_request("continue key is not valid: it was not made by this server")
    return token.rv, token.start.removesuffix("\0")
