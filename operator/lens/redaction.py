"""Removes credentials from URLs in texts, such as those of a kubeconfig's server and proxy."""

import re

# RFC 3986, 3.2.1. From one "://" to the next slash, so that each character is read once.
_USER_INFO = re.compile(r'(?<=://)[^/?#\s"]*@')


def without_credentials(text: str) -> str:
    """Return the text without ``user:password@`` in its URLs."""
    return _USER_INFO.sub("", text) if "@" in text else text
