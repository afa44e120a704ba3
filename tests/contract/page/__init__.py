"""The page as it is served: its files, their addresses and headers, and who may see what it asks for."""
