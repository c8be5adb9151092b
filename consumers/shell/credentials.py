"""Kafka security for Faust, from the librdkafka properties that every client shares."""

import ssl
from collections.abc import Mapping
from typing import Any

import faust

from consumers.shell.errors import ShellError

_KNOWN = {
    "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password", "ssl.ca.location",
    "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
}  # fmt: skip
#: Properties that say nothing of the connection: leaving them out makes it no less safe.
_INDIFFERENT = {"log_level"}


def credentials(options: Mapping[str, str]) -> Any:
    """Return Faust's credentials for ``options``, None for a plain connection.

    Raises ShellError for a property that Faust's client cannot follow: ignoring it could open a connection that is
    less safe than what was asked for.
    """
    unknown = sorted(set(options) - _KNOWN - _INDIFFERENT)
    if unknown:
        raise ShellError(
            f"kafka.options has {', '.join(unknown)}, which the Faust services cannot follow; leave it out"
        )
    protocol = options.get("security.protocol", "plaintext").upper()
    if protocol == "PLAINTEXT":
        return None
    context = _context(options) if protocol.endswith("SSL") else None
    if protocol == "SSL":
        return faust.SSLCredentials(context=context)
    if protocol not in {"SASL_PLAINTEXT", "SASL_SSL"}:
        raise ShellError(f"kafka.options: security.protocol {protocol} is not one of PLAINTEXT, SSL, SASL_…")
    return faust.SASLCredentials(
        username=options.get("sasl.username"),
        password=options.get("sasl.password"),
        mechanism=options.get("sasl.mechanism", options.get("sasl.mechanisms", "PLAIN")),
        ssl_context=context,
    )


def _context(options: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("ssl.ca.location"))
    certificate = options.get("ssl.certificate.location")
    if certificate:
        context.load_cert_chain(certificate, options.get("ssl.key.location"), options.get("ssl.key.password"))
    return context
