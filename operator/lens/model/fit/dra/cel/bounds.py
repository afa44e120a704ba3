"""Marks of errors that are Lens' own: what a selector says is unknown then, and no error of CEL's."""

BEYOND = "budget exceeded"
"""What is beyond a bound, as in the library's own messages."""

UNTOLD = "how it is written isn't known here"
"""What Kubernetes tells by how a quantity is written, or by how it was added up."""
