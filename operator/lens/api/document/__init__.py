"""The API told by itself: the OpenAPI document, its examples, and the page made from it."""
