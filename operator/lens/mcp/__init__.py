"""``lens mcp``: the API as tools of LLM agents (Model Context Protocol), over HTTP from a Lens anywhere."""
