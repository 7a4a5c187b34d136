"""Content kept for later runs is used only if it is ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.core.kept import read_kept, write_kept


def test_kept_content_is_read_back(tmp_path: Path) -> None:
    assert read_kept(tmp_path / "people.json") is None
    write_kept(tmp_path / "people.json", {"people": ["김"]})
    kept = read_kept(tmp_path / "people.json")
    assert kept is not None and kept["people"] == ["김"]


@pytest.mark.parametrize("how", ["edited", "moved", "unmarked", "empty"])
def test_kept_content_written_by_others_is_ignored(tmp_path: Path, how: str) -> None:
    # proves: G12
    path = tmp_path / "people.json"
    write_kept(path, {"name": "Kim"})
    data = path.read_bytes()
    if how == "moved":
        path = tmp_path / "other.json"
    forged = {"edited": data.replace(b"Kim", b"Lee"), "unmarked": b'{"name": "Lee"}', "empty": b""}
    path.write_bytes(forged.get(how, data))
    assert read_kept(path) is None
