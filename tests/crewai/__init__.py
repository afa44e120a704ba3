"""`lens mcp` over HTTP from crewai's adapter, which brings an older SDK."""
