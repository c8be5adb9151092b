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
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_FILES = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")
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
    if protocol not in _PROTOCOLS:
        raise ShellError(f"kafka.options: security.protocol {protocol} is not one of {', '.join(_PROTOCOLS)}")
    sasl = sorted(name for name in options if name.startswith("sasl."))
    if sasl and not protocol.startswith("SASL_"):
        raise ShellError(
            f"kafka.options has {', '.join(sasl)}, but security.protocol is {protocol}: they would not count"
        )
    if protocol == "PLAINTEXT":
        return None
    context = _context(options) if protocol.endswith("SSL") else None
    if protocol == "SSL":
        return faust.SSLCredentials(context=context)
    mechanism = options.get("sasl.mechanism", options.get("sasl.mechanisms", "PLAIN"))
    if mechanism not in _MECHANISMS:
        raise ShellError(f"kafka.options: sasl.mechanism {mechanism} is not one of {', '.join(_MECHANISMS)}")
    if not options.get("sasl.username") or not options.get("sasl.password"):
        raise ShellError(f"kafka.options needs sasl.username and sasl.password for {protocol}")
    return faust.SASLCredentials(
        username=options["sasl.username"],
        password=options["sasl.password"],
        mechanism=mechanism,
        ssl_context=context,
    )


def _context(options: Mapping[str, str]) -> ssl.SSLContext:
    files = {name: options[name] for name in _FILES if name in options}
    try:
        context = ssl.create_default_context(cafile=files.get("ssl.ca.location"))
        if "ssl.certificate.location" in files:
            key = files.get("ssl.key.location")
            # Without a password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(files["ssl.certificate.location"], key, options.get("ssl.key.password", ""))
    except (OSError, ValueError) as error:
        named = ", ".join(f"{name} ({path})" for name, path in files.items())
        raise ShellError(f"kafka.options: {named} can't be used for TLS: {error}") from None
    return context
