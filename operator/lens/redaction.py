"""Texts without the credentials that URLs may carry, as those of a kubeconfig's server and its proxy may."""

import re

# RFC 3986, 3.2.1. From one "://" to the next slash, so that each character is looked at once.
_USER_INFO = re.compile(r'(?<=://)[^/?#\s"]*@')


def without_credentials(text: str) -> str:
    """Return the text with ``user:password@`` cut out of every URL in it."""
    return _USER_INFO.sub("", text) if "@" in text else text
