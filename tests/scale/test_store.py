"""Objects in folders and in what fsspec reaches, and what is said when they are out of reach."""

# proves: G16 G17

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from reelmill.core import gate
from reelmill.errors import UsageError
from reelmill.scale.store import ObjectStore, Store, StoreError, StoreFullError, open_store
from reelmill.settings import load_settings

SECRET = "wJalrXUtnFEMI-very-secret"


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    (tmp_path / "shared folder").mkdir()
    gate.own(tmp_path / "local")
    addresses = {"file": f"file://{tmp_path}/shared%20folder", "memory": f"memory://{tmp_path}"}
    return open_store(addresses[request.param])


def test_what_is_written_can_be_read_and_nothing_else_is_there(
    store: Store, tmp_path: Path
) -> None:
    store.check()
    store.check()
    original, copy = tmp_path / "call.wav", tmp_path / "local" / "deep" / "copy.wav"
    original.write_bytes(b"sound" * 1000)
    assert (store.read("a/b.json"), store.size("a/b.json")) == (None, None)
    assert not store.fetch("a/b.json", copy) and not copy.exists()
    store.write("a/b.json", b"one")
    store.write("a/b.json", b"two")
    store.send(original, "recordings/00/x.wav")
    assert store.read("a/b.json") == b"two"
    assert store.size("recordings/00/x.wav") == 5000
    assert store.fetch("recordings/00/x.wav", copy)
    assert copy.read_bytes() == original.read_bytes() == b"sound" * 1000


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("bucket/prefix", "not an address"),
        ("file://host/x", "an absolute folder"),
        ("file:///", "an absolute folder"),
        ("s3://", "name a bucket"),
        ("nonsense://x/y", "nonsense"),
    ],
)
def test_an_address_that_is_none_is_refused(address: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        open_store(address)


@pytest.mark.parametrize(
    "address", [f"s3://AKIA:{SECRET}@bucket/x", f"s3://bucket?secret={SECRET}"]
)
def test_an_address_with_secrets_is_refused_without_showing_them(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="credentials by the environment") as error:
        load_settings(store=address)
    monkeypatch.setenv("REELMILL_STORE", address)
    with pytest.raises(UsageError, match="credentials by the environment") as of_environment:
        load_settings()
    assert SECRET not in str(error.value) + str(of_environment.value)


def test_a_folder_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    folder = tmp_path / "mnt"
    store = open_store(f"file://{folder}")
    with pytest.raises(UsageError, match=r"mnt: there is no such folder; mount or create it"):
        store.check()
    folder.mkdir()
    store.check()
    (folder / "reelmill-store.json").unlink()
    folder.rmdir()
    for use in (lambda: store.read("a"), lambda: store.write("a", b"")):
        with pytest.raises(StoreError, match="still mounted"):
            use()
    assert not folder.exists()


def test_a_store_without_room_or_permission_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    store = ObjectStore(f"memory://{tmp_path}")

    def failing(error: Exception) -> None:
        def pipe(*_: Any) -> None:
            raise error

        monkeypatch.setattr(store._files, "pipe_file", pipe)

    failing(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(StoreFullError, match=r"is full .*make room"):
        store.write("a", b"")
    failing(PermissionError(f"Access Denied for {SECRET}"))
    with pytest.raises(StoreError, match=r"refuses access .*\*\*\*.*AWS_PROFILE") as refused:
        store.write("a", b"")
    assert SECRET not in str(refused.value)
    with pytest.raises(UsageError, match="refuses access"):
        store.check()


def test_a_full_local_disk_is_not_the_store_s_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = ObjectStore(f"memory://{tmp_path}")
    store.write("a", b"content")

    def get_file(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store._files, "get_file", get_file)
    with pytest.raises(StoreError, match="a local copy of a cannot be written"):
        store.fetch("a", gate.own(tmp_path / "local") / "copy")
    assert not list((tmp_path / "local").iterdir())
