"""The choice of a Lens: that of --server or LENS_URL, or else one in the kubeconfig's cluster."""

from collections.abc import Mapping

from lens_client import __version__
from lens_client.options import Options
from lens_client.reach.connection import Connection
from lens_client.reach.tokens import given_token

USER_AGENT = f"kubectl-lens/{__version__}"


def find(options: Options, environ: Mapping[str, str]) -> Connection:
    """Return the way to the chosen Lens. Raise CommandError."""
    url = options.server or environ.get("LENS_URL")
    token = given_token(options, environ)
    if url:
        from lens_client.reach.direct import Direct

        return Direct(url, options, environ, token, USER_AGENT)
    from lens_client.reach.cluster import ThroughCluster

    return ThroughCluster(options, environ, token, USER_AGENT)
