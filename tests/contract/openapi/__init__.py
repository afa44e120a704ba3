"""The OpenAPI document, its examples, and the HTML page made from it."""
