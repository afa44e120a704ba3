"""TLS contexts of clients: trusted CAs and client certificates."""

import ssl

from lens_client.exits import UsageError


def context(
    ca_file: str | None = None,
    ca_data: str | None = None,
    insecure: bool = False,
) -> ssl.SSLContext:
    """Return a client's context, which trusts the given CA alone, else the system's. Raise UsageError.

    As kubectl, it takes CAs without key identifiers, which Python's default since 3.13 refuses.
    """
    made = ssl.create_default_context()
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif ca_file or ca_data:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            made.load_verify_locations(cafile=ca_file, cadata=ca_data)
        except (ssl.SSLError, ValueError):
            raise UsageError(
                f"{ca_file or 'certificate-authority-data'} has no certificates in PEM"
            ) from None
        except OSError as error:
            raise UsageError(f"{ca_file} can't be read: {error.strerror}") from None
    return made


def load_certificate(made: ssl.SSLContext, certificate_file: str | None, key_file: str | None) -> None:
    """Load a client certificate into a context. Raise UsageError for files that have none."""
    try:
        made.load_cert_chain(certificate_file or "", key_file, password=_no_password)
    except ssl.SSLError:
        problem = "is no certificate and its key in PEM, without a password"
        raise UsageError(f"the kubeconfig's client certificate {problem}") from None
    except OSError as error:
        raise UsageError(
            f"the kubeconfig's client certificate or key can't be read: {error.strerror}"
        ) from None


def _no_password() -> str:
    # Without a password OpenSSL would ask for one on the terminal.
    return ""
