"""Certificates of a test's own: an authority, and servers that it vouches for, made by `openssl`."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """PEM files: ``chain`` is the certificate, ``key`` its private key, ``both`` the two in one file."""

    chain: Path
    key: Path
    both: Path


class Authority:
    """Signs certificates; ``ca`` is what clients trust."""

    def __init__(self, folder: Path, name: str = "signaltape tests") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.ca, self._key = folder / "ca.pem", folder / "ca.key"
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.ca,
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def certificate(self, name: str, hosts: str = "IP:127.0.0.1,DNS:localhost") -> Certificate:
        """A certificate with the common name ``name`` that holds for ``hosts``, for servers and clients."""
        key, request, chain, both = (self._folder / f"{name}.{end}" for end in ("key", "csr", "crt", "pem"))
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={hosts}\nextendedKeyUsage=serverAuth,clientAuth\n")
        _openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", request,
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key, "-CAcreateserial", "-days", "2",
            "-extfile", extensions, "-out", chain,
        )  # fmt: skip
        both.write_text(key.read_text() + chain.read_text())
        return Certificate(chain=chain, key=key, both=both)


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}"
