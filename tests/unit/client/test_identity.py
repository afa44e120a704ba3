"""The credentials of a kubeconfig, as far as they need no apiserver."""

import pytest

from lens_client.exits import CommandError
from lens_client.reach.identity import Identity
from lens_client.reach.kubeconfig.entries import Cluster, User
from lens_client.transport import endpoint

SERVER = "https://apiserver.example"


@pytest.mark.parametrize("data", ["***", "DATA+OMITTED", "REDACTED", "/w==", "LS0t*LS0="])
def test_the_systems_cas_never_stand_in_for_a_ca_that_is_none(data: str) -> None:
    at = endpoint.parse(SERVER)
    identity = Identity(User(), Cluster("c", SERVER, ca_data=data), {}, at)
    with pytest.raises(CommandError, match="certificate-authority-data is no PEM in base64"):
        identity.tls(at)
