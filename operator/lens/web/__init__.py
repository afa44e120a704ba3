"""Files that are served as they are. ``make schema`` writes the OpenAPI document and its page."""
