"""The query of a list or watch request (metav1.ListOptions)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lens_sim.apiserver import status
from lens_sim.apiserver.selectors import Selector, SelectorError, field_requirements, label_requirements
from lens_sim.objects.resources import Resource

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class ListOptions:
    """A parsed query. No `limit` and no `timeout_seconds` are 0, no resourceVersion is 0 like "0"."""

    selector: Selector
    limit: int
    continue_token: str
    resource_version: int
    exact: bool
    watch: bool
    timeout_seconds: int
    bookmarks: bool


def list_options(query: Mapping[str, str], resource: Resource) -> ListOptions:
    """Parse a request's query; StatusError 400 or 422 that says which part is wrong."""
    try:
        selector = Selector(
            label_requirements(query.get("labelSelector", "")),
            field_requirements(query.get("fieldSelector", ""), resource),
        )
    except SelectorError as error:
        raise status.bad_request(str(error)) from error
    options = ListOptions(
        selector=selector,
        limit=max(_integer(query, "limit"), 0),
        continue_token=query.get("continue", ""),
        resource_version=_integer(query, "resourceVersion"),
        exact=query.get("resourceVersionMatch") == "Exact",
        watch=_boolean(query, "watch"),
        timeout_seconds=max(_integer(query, "timeoutSeconds"), 0),
        bookmarks=_boolean(query, "allowWatchBookmarks"),
    )
    _check_version_match(query, options)
    return options


def _check_version_match(query: Mapping[str, str], options: ListOptions) -> None:
    """Refuse what a real apiserver refuses (apimachinery, `ValidateListOptions`)."""
    if _boolean(query, "sendInitialEvents"):
        # The answer of an apiserver without the WatchList feature: informers then list and watch.
        raise status.invalid("sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch")
    match = query.get("resourceVersionMatch", "")
    if not match:
        return
    if options.watch or options.continue_token or not query.get("resourceVersion"):
        raise status.invalid(
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch, "
            "with continue, and unless resourceVersion is provided"
        )
    if match not in ("Exact", "NotOlderThan"):
        raise status.invalid(f'resourceVersionMatch: Unsupported value: "{match}"')


def _integer(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not text:
        return 0
    if not _INTEGER.fullmatch(text):
        raise status.bad_request(f'{name}: strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _boolean(query: Mapping[str, str], name: str) -> bool:
    return name in query and query[name].lower() not in ("0", "false")
