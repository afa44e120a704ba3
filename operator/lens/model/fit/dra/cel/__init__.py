"""Selectors of devices in CEL, with Kubernetes' extensions, evaluated by the library cel-expr-python.

The library is imported when the first selector is compiled: clusters whose claims have none never load it.
"""
