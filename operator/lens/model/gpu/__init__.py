"""Single GPUs: how device plugins name and share them, what they report, and which pods report it."""
