"""Keys and self-signed certificates for servers on loopback, made with the `openssl` command."""

from __future__ import annotations

import base64
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.real.tools import ToolError

OPENSSL_SECONDS = 30

# Of our own, as what a system's configuration adds differs; strict verifiers want all four extensions.
_REQUEST = """
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = packaging-kit tests
[extensions]
subjectAltName = IP:127.0.0.1,DNS:localhost
basicConstraints = critical,CA:TRUE
keyUsage = critical,digitalSignature,keyEncipherment,keyCertSign
subjectKeyIdentifier = hash
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate for `127.0.0.1` and `localhost` that vouches for itself, and its RSA key; both files are PEM."""

    openssl: Path
    file: Path
    key_file: Path

    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.file.read_text(encoding="ascii"))

    def sign(self, message: bytes) -> bytes:
        """The signature that JSON Web Tokens call RS256."""
        return _run(self.openssl, "dgst", "-sha256", "-sign", str(self.key_file), message=message)

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key_file)
        return context


def make_certificate(openssl: Path, folder: Path, name: str) -> Certificate:
    """Write `NAME.pem` and `NAME.key` into the folder."""
    request = folder / f"{name}.cnf"
    request.write_text(_REQUEST, encoding="ascii")
    made = Certificate(openssl=openssl, file=folder / f"{name}.pem", key_file=folder / f"{name}.key")
    options = ("-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "30", "-config", str(request))
    _run(openssl, "req", *options, "-keyout", str(made.key_file), "-out", str(made.file))
    return made


def base64url(data: bytes) -> str:
    """As JSON Web Tokens write it: no padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _run(openssl: Path, *arguments: str, message: bytes = b"") -> bytes:
    command = [str(openssl), *arguments]
    result = subprocess.run(command, input=message, capture_output=True, timeout=OPENSSL_SECONDS, check=False)
    if result.returncode != 0:
        raise ToolError(f"openssl {arguments[0]}: exit {result.returncode}: {result.stderr.decode(errors='replace')}")
    return result.stdout
