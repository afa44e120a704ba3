"""The whole answer about a manifest: its pods after admission, quotas, and what would fit instead."""
