"""Removes credentials from texts: from URLs, such as those of a kubeconfig's server and proxy, and from
what the official client says of a kubeconfig.
"""

import re

# RFC 3986, 3.2.1. From one "://" to the next slash, so that each character is read once.
_USER_INFO = re.compile(r'(?<=://)[^/?#\s"]*@')


def without_credentials(text: str) -> str:
    """Return the text without ``user:password@`` in its URLs."""
    return _USER_INFO.sub("", text) if "@" in text else text


# The official client names an entry of a kubeconfig's list by all that is in it, as Python writes it.
_ENTRY = re.compile(r"(?<=/)\{.*\}", re.DOTALL)


def without_entries(text: str) -> str:
    """Return a message of the official client without the users, with their secrets, that it names."""
    return _ENTRY.sub("…", text)
