"""The tools of `lens mcp`, called by the SDK's own client."""
