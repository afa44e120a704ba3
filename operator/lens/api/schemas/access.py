"""What the caller may see."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict


class NamespaceAccess(TypedDict):
    """What the caller sees by its permissions in one namespace, or in the whole cluster."""

    name: Annotated[str, Field(description="The namespace.")]
    tasks: Annotated[
        bool,
        Field(
            description="Whether the caller sees the namespace's running and pending pods, and may ask fit."
        ),
    ]
    capacity: Annotated[
        bool,
        Field(description="Whether the caller sees the cluster's capacity in requests with this namespace."),
    ]


class Access(TypedDict):
    """What the caller may see."""

    caller: Annotated[str, Field(description="The caller's name, as Lens' access log has it.")]
    cluster: Annotated[str, Field(description="The cluster: the parameter's, or the one that Lens watches.")]
    clusters: Annotated[
        list[str] | None,
        Field(description="All clusters that the caller may ask about; null if it may not list them."),
    ]
    realtime: Annotated[bool, Field(description="Whether the caller sees everything in the whole cluster.")]
    capacity: Annotated[
        bool,
        Field(
            description="Whether the caller sees the cluster's capacity: figures, products, nodes and fit, "
            "without names of pods and namespaces, alerts and events."
        ),
    ]
    namespace: Annotated[
        NamespaceAccess | None,
        Field(description="The permissions in the parameter's namespace; null without one."),
    ]
    namespaces: Annotated[
        list[str] | None,
        Field(
            description="The namespaces to which the token is restricted; null for none, and in mode "
            "kubernetes, where only a request with a namespace finds out."
        ),
    ]
    paths: Annotated[
        list[str] | None,
        Field(description="The endpoints to which the token is restricted; null for no restriction."),
    ]
    version: Annotated[str, Field(description="The version of this Lens.", examples=["0.1.0"])]
    page: Annotated[
        str,
        Field(description="The digest of this Lens' page, as the addresses of its files have it."),
    ]
