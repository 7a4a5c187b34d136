"""Signatures of the head: of these bytes, with this key, and as other programs check them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reelmill.errors import InputError, UsageError
from reelmill.evidence.custody import signing


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return signing.make_key()


def test_a_signature_holds_for_what_was_signed_and_nothing_else(key: Path) -> None:
    signature, public = signing.sign(b"head", signing.load_key(key))
    fingerprint = signing.check_signature(b"head", signature, public)
    assert len(fingerprint) == 64
    with pytest.raises(InputError, match="does not fit"):
        signing.check_signature(b"heat", signature, public)


def test_openssl_checks_it_too(key: Path, tmp_path: Path) -> None:
    signature, public = signing.sign(b"head", signing.load_key(key))
    for name, data in (("data", b"head"), ("sig", signature), ("pub", public)):
        (tmp_path / name).write_bytes(data)
    command = "openssl pkeyutl -verify -pubin -inkey pub -rawin -in data -sigfile sig"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)


def test_a_key_is_made_once_and_is_the_users_alone(key: Path) -> None:
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="already"):
        signing.make_key()
    key.chmod(0o640)
    with pytest.raises(UsageError, match="others can read"):
        signing.load_key(key)


def test_a_passphrase_is_needed_where_one_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv(signing.PASSPHRASE_VARIABLE, "secret")
    path = signing.make_key()
    assert b"ENCRYPTED" in path.read_bytes()
    signing.load_key(path)
    monkeypatch.delenv(signing.PASSPHRASE_VARIABLE)
    with pytest.raises(UsageError, match="passphrase"):
        signing.load_key(path)


@pytest.mark.parametrize(
    ("text", "problem"), [("nothing", "not a private key"), (None, "no signing key")]
)
def test_what_is_no_key_is_told(tmp_path: Path, text: str | None, problem: str) -> None:
    path = tmp_path / "key.pem"
    if text is not None:
        path.write_text(text)
        path.chmod(0o600)
    with pytest.raises(UsageError, match=problem):
        signing.load_key(path)
