"""TOML files of users: read, or refused with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.core.toml import read_toml
from reelmill.errors import UsageError


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "사건.toml"
    file.write_bytes("\ufeffnumber = '2026가단1'".encode())
    assert read_toml(file) == {"number": "2026가단1"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a = 1\nb = \n", "not a valid TOML file"),
        ("a = 1\nb = '한글'".encode("cp949"), "line 2 is not UTF-8"),
    ],
)
def test_invalid_toml_is_refused_with_its_line(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "case.toml"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=told) as failure:
        read_toml(file)
    assert str(file) in str(failure.value) and "line 2" in str(failure.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"case\.toml: cannot be read"):
        read_toml(tmp_path / "case.toml")
