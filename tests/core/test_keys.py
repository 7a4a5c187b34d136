"""The user's key: made once, private, shared on purpose."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reelmill.core import keys
from reelmill.core.keys import KEY_FILE_VARIABLE, Seal, user_key
from reelmill.errors import UsageError


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    keys._key.cache_clear()
    return tmp_path / "reelmill" / "key"


def again() -> Seal:
    keys._key.cache_clear()
    return user_key().seal


def test_a_key_is_created_once_and_is_private(own: Path) -> None:
    # proves: G12
    first = user_key()
    assert first.path == own and first.problem is None
    assert own.stat().st_mode & 0o777 == 0o600
    assert again() == first.seal
    assert "_secret" not in repr(first.seal)


def test_a_mac_is_valid_only_for_its_bytes_purpose_and_key(own: Path) -> None:
    seal = user_key().seal
    mac = seal.of("artifact", b"data")
    assert seal.fits(mac, "artifact", b"data")
    assert not seal.fits(mac, "artifact", b"date")
    assert not seal.fits(mac, "row", b"data")
    assert not seal.fits(None, "artifact", b"data")
    assert not seal.fits("é" * 64, "artifact", b"data")
    own.unlink()
    assert not again().fits(mac, "artifact", b"data")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_key_that_others_can_read_is_refused(own: Path, mode: int) -> None:
    user_key()
    own.chmod(mode)
    with pytest.raises(UsageError, match=rf"others can read or change this key \(mode {mode:o}\)"):
        again()


def test_a_shared_key_file_may_be_readable_by_the_group(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "team.key"
    theirs.write_text("ab" * 32 + "\n")
    theirs.chmod(0o640)
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(theirs))
    assert again() == Seal(bytes.fromhex("ab" * 32))
    assert not own.exists()
    theirs.chmod(0o644)
    with pytest.raises(UsageError, match="others can read"):
        again()


def test_a_missing_named_key_file_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"nowhere \(REELMILL_KEY_FILE\): the key cannot be read"):
        user_key()


@pytest.mark.parametrize("content", ["", "short", "zz" * 32, "ab" * 33])
def test_a_damaged_key_is_reported(
    own: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_PATIENCE_S", 0.0)
    own.parent.mkdir()
    own.write_text(content)
    own.chmod(0o600)
    with pytest.raises(UsageError, match="not a key"):
        user_key()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_key_owned_by_another_user_is_refused(own: Path) -> None:
    user_key()
    os.chown(own, 12345, 12345)
    with pytest.raises(UsageError, match="belongs to another user"):
        again()


def test_a_run_without_a_writable_key_continues_and_reports_it(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.parent.write_text("a file where the folder would be")
    key = user_key()
    assert key.path is None and "compute them again" in str(key.problem)
    assert user_key().seal == key.seal  # within a run it is the same
