"""A time-stamping authority of OpenSSL, for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

_CONFIG = """
[one]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
"""
_EXTENSIONS = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"


class Authority:
    """Certificates and keys in a folder; `root` is what others trust."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "config").write_text(_CONFIG)
        (folder / "extensions").write_text(_EXTENSIONS)
        (folder / "serial").write_text("01\n")
        ec = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        self._openssl(f"req -x509 {ec} -keyout ca.key -out ca.pem -subj /CN=Root -days 9")
        self._openssl(f"req {ec} -keyout tsa.key -out tsa.csr -subj /CN=Authority")
        self._openssl(
            "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tsa.pem -days 9 "
            "-extfile extensions"
        )

    @property
    def root(self) -> Path:
        return self.folder / "ca.pem"

    def stamp(self, request: bytes) -> bytes:
        """Its reply to a request."""
        (self.folder / "query").write_bytes(request)
        self._openssl(
            "ts -reply -config config -section one -queryfile query -signer tsa.pem "
            "-inkey tsa.key -out reply"
        )
        return (self.folder / "reply").read_bytes()

    def _openssl(self, arguments: str) -> None:
        command = ["openssl", *arguments.split()]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
