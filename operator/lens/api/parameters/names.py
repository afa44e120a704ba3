"""Names in parameters, as Kubernetes writes them, and their schemas in the OpenAPI document."""

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from lens.model.k8s.bounds import LONGEST_WORD

# RFC 1123, as Kubernetes names namespaces.
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
MAX_NAME = 253
MAX_OBJECT = 1024
"""Characters of a kind, a namespace or node, and a name; other components' Events may have longer ones."""


def is_dns_label(text: str) -> bool:
    """Return whether a text is a DNS label, as a namespace's name has to be."""
    return _DNS_LABEL.fullmatch(text) is not None


def _dns_label(text: str) -> str:
    if not is_dns_label(text):
        raise ValueError("is not a DNS label")
    return text


def _dns_name(text: str) -> str:
    if len(text) > MAX_NAME or not all(map(_DNS_LABEL.fullmatch, text.split("."))):
        raise ValueError("is not a DNS name")
    return text


def _max_length(length: int) -> AfterValidator:
    def check(text: str) -> str:
        if len(text) > length:
            raise ValueError(f"is longer than {length} characters")
        return text

    return AfterValidator(check)


def _product(text: str) -> str:
    if not 1 <= len(text) <= LONGEST_WORD:
        raise ValueError(f"has not 1 to {LONGEST_WORD} characters")
    return text


NAME_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME})
NON_EMPTY_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1})

# Texts with a validator; a JSON Schema pattern matches anywhere in a text.
Namespace = Annotated[
    str,
    AfterValidator(_dns_label),
    WithJsonSchema({"type": "string", "pattern": f"^{_DNS_LABEL.pattern}$"}),
]
DnsName = Annotated[
    str,
    AfterValidator(_dns_name),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^{_DNS_LABEL.pattern}(\.{_DNS_LABEL.pattern})*$",
            "maxLength": MAX_NAME,
        }
    ),
]
NodeName = Annotated[str, _max_length(MAX_NAME), NAME_SCHEMA]
ObjectName = Annotated[
    str, _max_length(MAX_OBJECT), WithJsonSchema({"type": "string", "maxLength": MAX_OBJECT})
]
Product = Annotated[
    str,
    AfterValidator(_product),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST_WORD}),
]
