"""JSONPath as kubectl has it: https://kubernetes.io/docs/reference/kubectl/jsonpath/.

The rules are those of k8s.io/client-go/util/jsonpath: a template of text and of actions in braces. No library
has this dialect.
"""

from lens_client.output.jsonpath.evaluate import find, render
from lens_client.output.jsonpath.nodes import JsonPathError, Path, Template
from lens_client.output.jsonpath.parse import parse, parse_field

__all__ = ["JsonPathError", "Path", "Template", "find", "parse", "parse_field", "render"]
