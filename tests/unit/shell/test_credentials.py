"""Which connection properties the Faust services follow, and that they are no less strict than the other clients."""

import ssl
from pathlib import Path

import faust
import pytest

from consumers.shell.credentials import credentials
from consumers.shell.errors import ShellError
from tests.support.certificates import Authority

SCRAM = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "u", "sasl.password": "p"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_what_says_nothing_of_the_connection_is_left_out() -> None:
    assert credentials({"log_level": "0"}) is None


def test_what_cannot_be_followed_is_refused() -> None:
    with pytest.raises(ShellError, match=r"ssl\.cipher\.suites"):
        credentials({"log_level": "0", "ssl.cipher.suites": "x"})


def test_scram_over_tls(authority: Authority) -> None:
    found = credentials({"security.protocol": "sasl_ssl", "ssl.ca.location": str(authority.ca), **SCRAM})
    assert isinstance(found, faust.SASLCredentials)
    assert (found.protocol.value, found.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (found.username, found.password) == ("u", "p")
    assert found.ssl_context is not None
    assert (found.ssl_context.verify_mode, found.ssl_context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert [one["subject"] for one in found.ssl_context.get_ca_certs()] == [((("commonName", "signaltape tests"),),)]


def test_a_certificate_of_our_own(authority: Authority) -> None:
    own = authority.certificate("client")
    options = {"security.protocol": "SSL", "ssl.ca.location": str(authority.ca),
               "ssl.certificate.location": str(own.chain), "ssl.key.location": str(own.key)}  # fmt: skip
    assert isinstance(credentials(options), faust.SSLCredentials)
    with pytest.raises(ShellError, match=r"ssl\.key\.location"):
        credentials({**options, "ssl.key.location": str(authority.ca)})


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"security.protocol": "SSL", "ssl.ca.location": "/nowhere/ca.pem"}, r"ssl\.ca\.location \(/nowhere/ca\.pem\)"),
        ({"security.protocol": "SSL", "ssl.ca.location": str(Path(__file__))}, r"ssl\.ca\.location"),
        ({"security.protocol": "TLS"}, r"security\.protocol TLS"),
        ({"security.protocol": "SASL_PLAINTEXT", **SCRAM, "sasl.mechanism": "GSSAPI"}, r"sasl\.mechanism GSSAPI"),
        ({"security.protocol": "SASL_PLAINTEXT", **SCRAM, "sasl.mechanism": "MD5"}, r"sasl\.mechanism MD5"),
        ({"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}, r"sasl\.username and sasl\.password"),
        (SCRAM, r"sasl\.username.* security\.protocol"),
    ],
    ids=["no file", "no certificate", "protocol", "kerberos", "mechanism", "no user", "sasl that would not be used"],
)
def test_what_would_be_another_connection_than_was_asked_for(options: dict[str, str], word: str) -> None:
    with pytest.raises(ShellError, match=word):
        credentials(options)
