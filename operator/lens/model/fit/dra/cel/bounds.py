"""The texts of errors that are Lens' own, not CEL's: after one of these a selector's result is unknown."""

BEYOND = "budget exceeded"
"""A bound is exceeded, as in the library's own messages."""

UNKNOWN_FORM = "how it is written isn't known here"
"""The result depends on the form in which Kubernetes stores a quantity."""
