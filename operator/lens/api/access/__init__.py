"""Authentication of callers, authorization of their requests, and the limit on failed attempts."""
