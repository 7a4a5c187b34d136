"""Signatures of heads with a user's Ed25519 key (RFC 8032). Needs the `cryptography` package."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from reelmill.core import gate
from reelmill.core.paths import user_config
from reelmill.errors import InputError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

PASSPHRASE_VARIABLE = "REELMILL_SIGNING_PASSPHRASE"
_NAME = "signing-key.pem"
NEEDS = "needs the cryptography package: pip install 'reelmill[custody]'"


def own_key_path() -> Path:
    """Where the user's own signing key is."""
    return user_config() / _NAME


def make_key() -> Path:
    """Make the user's own signing key, a private key in PEM (PKCS #8), encrypted if the environment
    has a passphrase.

    Raises:
        UsageError: there is one already, or the package is missing.
        OSError: it cannot be written.
    """
    ed25519, serialization = _modules()
    path = own_key_path()
    secret = _passphrase()
    data = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption(),
    )
    gate.own(path.parent)
    try:
        with os.fdopen(gate.create(path, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise UsageError(f"{path}: there is a signing key already; it is kept") from error
    return path


def load_key(path: Path | None = None) -> Ed25519PrivateKey:
    """Load a private key.

    Args:
        path: a PEM file; the user's own key when None.

    Raises:
        UsageError: none there, others can read it, a wrong passphrase, or another kind of key.
    """
    ed25519, serialization = _modules()
    path = path or own_key_path()
    try:
        state, data = path.stat(), path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(
            f"{path}: there is no signing key; `reelmill key --signing` makes one, or name yours "
            "with --signing-key"
        ) from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    if stat.S_IMODE(state.st_mode) & 0o077:
        raise UsageError(f"{path}: others can read this key and sign in your name; chmod 600 it")
    try:
        key = serialization.load_pem_private_key(data, _passphrase())
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{path}: not a private key in PEM, or the passphrase in {PASSPHRASE_VARIABLE} does "
            f"not fit ({error})"
        ) from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise UsageError(f"{path}: not an Ed25519 key; make one with `reelmill key --signing`")
    return cast("Ed25519PrivateKey", key)


def sign(data: bytes, key: Ed25519PrivateKey) -> tuple[bytes, bytes]:
    """The signature of `data` (64 bytes), and the public key in PEM."""
    _, serialization = _modules()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return key.sign(data), public


def check_signature(data: bytes, signature: bytes, pem: bytes) -> str:
    """Check a signature, and return the fingerprint of the key.

    Raises:
        InputError: it does not fit, or the key is no Ed25519 key.
        UsageError: the package is missing.
    """
    _modules()
    from cryptography.exceptions import InvalidSignature

    public = read_public(pem)
    try:
        public.verify(signature, data)
    except InvalidSignature as error:
        raise InputError("the signature does not fit what was signed") from error
    return fingerprint(public)


def read_public(pem: bytes) -> Ed25519PublicKey:
    """Read a public key in PEM. Raises InputError when it is none."""
    ed25519, serialization = _modules()
    try:
        public = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise InputError("not a public key in PEM") from error
    if not isinstance(public, ed25519.Ed25519PublicKey):
        raise InputError("not an Ed25519 public key")
    return cast("Ed25519PublicKey", public)


def fingerprint(public: Ed25519PublicKey) -> str:
    """SHA-256 (hex) of the public key as DER, as `openssl pkey -pubin -outform DER | sha256sum`
    gives it."""
    _, serialization = _modules()
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def _modules() -> tuple[Any, Any]:
    """The modules `ed25519` and `serialization`, which may be missing."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise UsageError(f"a signature {NEEDS}") from error
    return ed25519, serialization


def _passphrase() -> bytes | None:
    text = os.environ.get(PASSPHRASE_VARIABLE)
    return text.encode() if text else None
