"""Time stamps of heads by an authority (RFC 3161). Needs the `rfc3161-client` package."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelmill.errors import InputError, UsageError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

NEEDS = "needs the rfc3161-client package: pip install 'reelmill[custody]'"
_PATIENCE_S = 30.0
_LARGEST_REPLY = 1 << 20
#: DER of `certReq TRUE`, the last field of our requests; the nonce stands before it.
_ASKS_FOR_CERTIFICATE = b"\x01\x01\xff"


@dataclass(frozen=True)
class Stamp:
    """What a reply says: when, and which authority signed it."""

    at: datetime
    authority: str


def new_request(data: bytes) -> bytes:
    """A request about the SHA-256 of `data`, with a nonce, as DER (`.tsq`).

    Raises:
        UsageError: the package is missing.
    """
    client = _client()
    builder = client.TimestampRequestBuilder().data(data)
    request: bytes = builder.hash_algorithm(client.HashAlgorithm.SHA256).build().as_bytes()
    return request


def send(url: str, request: bytes) -> bytes:
    """Send a request to an authority and return its reply.

    Raises:
        UsageError: no such address, no answer, or an answer that is no reply.
    """
    import urllib.error
    import urllib.request

    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url}: give the http or https address of a time-stamping authority")
    headers = {"Content-Type": "application/timestamp-query"}
    asked = urllib.request.Request(url, request, headers)
    try:
        with urllib.request.urlopen(asked, timeout=_PATIENCE_S) as answer:
            reply: bytes = answer.read(_LARGEST_REPLY)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise UsageError(
            f"{url}: no time stamp came back ({error}); the request is kept: send it by other "
            "means and give the reply with --timestamp-reply"
        ) from error
    return reply


def check_reply(data: bytes, request: bytes, reply: bytes, roots: bytes | None) -> Stamp:
    """Check that a reply is about `data`, answers the request, and is signed by an authority.

    Args:
        data: what was stamped.
        request: our request (DER).
        reply: the authority's reply (DER).
        roots: certificates in PEM that are trusted; those of this machine when None.

    Raises:
        InputError: it is not valid; the message says why.
        UsageError: the package is missing.
    """
    client = _client()
    from cryptography import x509

    try:
        parsed = client.decode_timestamp_response(reply)
        info = parsed.tst_info
        nonce, at = info.nonce, info.gen_time
    except Exception as error:
        raise InputError(f"not a time stamp reply ({error})") from error
    if nonce is None or not request.endswith(_der(nonce) + _ASKS_FOR_CERTIFICATE):
        raise InputError("the reply answers another request")
    trusted = _certificates(roots)
    verifier = client.VerifierBuilder(nonce=nonce, roots=trusted).build()
    try:
        verifier.verify_message(parsed, data)
    except Exception as error:
        raise InputError(
            f"the time stamp is not valid ({error}); --tsa-ca names the certificate of the "
            "authority's root"
        ) from error
    signer = next(iter(parsed.signed_data.signer_infos))
    for der in parsed.signed_data.certificates:
        certificate = x509.load_der_x509_certificate(der)
        if certificate.serial_number == signer.serial_number:
            return Stamp(at, certificate.subject.rfc4514_string())
    return Stamp(at, signer.issuer.rfc4514_string())


def _certificates(pem: bytes | None) -> list[Certificate]:
    from cryptography import x509

    if pem is None:
        import ssl

        file = ssl.get_default_verify_paths().cafile
        pem = Path(file).read_bytes() if file and Path(file).is_file() else b""
    try:
        with warnings.catch_warnings():  # about old certificates among those of the machine
            warnings.simplefilter("ignore")
            found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        found = []
    if not found:
        raise InputError("no trusted certificates; --tsa-ca names a PEM file of them")
    return list(dict.fromkeys(found))


def _der(number: int) -> bytes:
    """A whole number from 0 as DER."""
    data = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes([2, len(data)]) + data


def _client() -> Any:
    try:
        import rfc3161_client
    except ImportError as error:
        raise UsageError(f"a time stamp {NEEDS}") from error
    return rfc3161_client
