"""The part of a request that a caller may see: all of it, a namespace's part, or the cluster's capacity.

Capacity is what is free: figures, products, nodes and fit, without the names of others' pods and namespaces,
without alerts and events. It is reviewed only for who may not see everything. The holders of GPUs of no node
are those of a namespace then, to which the caller needs a right of its own.
"""

from collections.abc import Awaitable
from typing import Any, NamedTuple, Self, TypeVar

from lens.api.access.auth import Caller
from lens.api.errors import ApiError, ForbiddenError, forbidden
from lens.api.parameters.base import Parameters
from lens.api.parameters.cluster import CapacityParameters, FiguresParameters
from lens.api.parameters.fit import FitParameters
from lens.api.parameters.stream import CAPACITY_SECTIONS, Section, StreamParameters
from lens.api.parameters.system import AccessParameters

P = TypeVar("P", bound=Parameters)


async def authorized(params: P, caller: Caller, path: str) -> P:
    """Return the parameters, limited to what the caller may see.

    Raise an ApiError: 403, or 503 if reviews fail.
    """
    visible: P = await _authorized(params, caller, path)
    return visible


async def _authorized(params: Any, caller: Caller, path: str) -> Any:
    match params:
        case StreamParameters():
            return await _stream(params, caller, path)
        case FitParameters():
            # FitVisibility says what of the answer the caller sees.
            scope = params.scope if params.view is None else None
            await _sees_all(caller, path, params.namespace, scope)
        case AccessParameters():
            pass  # Every holder of a token may know what it permits.
        case FiguresParameters():
            await _sees_all(caller, path, None)
        case CapacityParameters() if params.is_capacity:
            if not await _sees_all(caller, path, params.namespace):
                if params.names_holders:
                    await caller.authorize(path, params.namespace)
                return params.model_copy(update={"view": "capacity"})
        case _:
            await caller.authorize(path, params.scope)
    return params


async def permitted(review: Awaitable[None]) -> bool:
    """Return whether a permission is granted. Raise an ApiError, 503, if reviews fail."""
    try:
        await review
    except ForbiddenError:
        return False
    return True


async def _sees_all(caller: Caller, path: str, namespace: str | None, scope: str | None = None) -> bool:
    """Return whether the caller sees all of the ``scope`` rather than capacity alone.

    Raise an ApiError if it sees neither, or if that isn't known.
    """
    try:
        await caller.authorize(path, scope)
    except ForbiddenError:
        if scope is None:
            await caller.authorize_capacity(path, namespace)
        elif not await permitted(caller.authorize_capacity(path, namespace)):
            raise  # The right to the namespace that was asked about is the one to name.
    except ApiError as unknown:
        # While reviews fail, only what was granted before is known.
        if not await permitted(caller.authorize_capacity(path, namespace)):
            raise unknown from None
    else:
        return True
    return False


class FitVisibility(NamedTuple):
    """The visible part of an answer about fit: all of it, names of nodes, the namespace's quotas."""

    everything: bool
    nodes: bool
    namespace: bool

    @classmethod
    async def of(cls, params: FitParameters, caller: Caller, path: str) -> Self:
        """Return it for an authorized caller. A permission that can't be reviewed counts as missing."""
        if params.view is not None:
            return cls(everything=False, nodes=True, namespace=False)
        if await _known(caller.authorize(path, None)):
            return cls(everything=True, nodes=True, namespace=True)
        return cls(
            everything=False,
            nodes=await _known(caller.authorize_capacity(path, params.namespace)),
            namespace=params.namespace is not None and await _known(caller.authorize(path, params.namespace)),
        )


async def _known(review: Awaitable[None]) -> bool:
    """Return whether a permission is known to be granted."""
    try:
        await review
    except ApiError:
        return False
    return True


async def _stream(params: StreamParameters, caller: Caller, path: str) -> StreamParameters:
    if params.namespace is not None:
        return await _namespace_stream(params, caller, path)
    if params.names_sections and not params.include <= CAPACITY_SECTIONS:
        await caller.authorize(path, None)
        return params
    if await _sees_all(caller, path, None) and params.view is None:
        return params
    return params.only(CAPACITY_SECTIONS, "capacity")


async def _namespace_stream(params: StreamParameters, caller: Caller, path: str) -> StreamParameters:
    """Return the sections that the caller may see: the namespace's tasks, and capacity if it is requested."""
    wanted = params.include if params.names_sections else frozenset[Section]({"tasks"})
    visible = frozenset[Section]()
    view = params.view
    if wanted & CAPACITY_SECTIONS:
        everything = await permitted(caller.authorize(path, None))
        if everything or await permitted(caller.authorize_capacity(path, params.namespace)):
            visible |= CAPACITY_SECTIONS
            view = view if everything else "capacity"
    if "tasks" in wanted and await permitted(caller.authorize(path, params.namespace)):
        visible |= frozenset[Section]({"tasks"})
    if not visible:
        await caller.authorize(path, params.namespace)
        # A peer takes an empty ``include`` for a missing one, and would send everything.
        raise forbidden(f"only tasks of namespace {params.namespace} may be seen, and include has none")
    return params.only(wanted & visible, view)
