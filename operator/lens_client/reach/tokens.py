"""The token that the user names."""

from collections.abc import Mapping

from lens_client.exits import UsageError
from lens_client.options import Options

MAX_TOKEN_BYTES = 64 * 1024


def given_token(options: Options, environ: Mapping[str, str]) -> str | None:
    """Return the token of --token, LENS_TOKEN or LENS_TOKEN_FILE; None without one. Raise UsageError."""
    if options.token is not None:
        return _checked(options.token, "--token")
    if environ.get("LENS_TOKEN"):
        return _checked(environ["LENS_TOKEN"], "LENS_TOKEN")
    path = environ.get("LENS_TOKEN_FILE")
    return token_of_file(path, "LENS_TOKEN_FILE") if path else None


def token_of_file(path: str, source: str) -> str:
    """Return a file's token. Raise UsageError."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_TOKEN_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{source}: {path} can't be read: {error.strerror}") from None
    return _checked(content.decode("latin-1"), f"{source}: {path}")


def _checked(token: str, source: str) -> str:
    token = token.strip()
    if not token or len(token) > MAX_TOKEN_BYTES or not all("!" <= character <= "~" for character in token):
        raise UsageError(f"{source} has no token: one word of ASCII characters")
    return token
