"""Forms as clients send them, in pieces of any size, and as they should not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reelmill.web.openai.errors import ApiError
from reelmill.web.openai.form import Form, FormReader

HEAD = "multipart/form-data; boundary=x"
MOST = 1000


def part(name: str, content: bytes, more: str = "") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + (
        content + b"\r\n"
    )


def read(path: Path, body: bytes, size: int = 1 << 16, head: str = HEAD) -> Form:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    with FormReader(head, path, MOST) as reader:
        return asyncio.run(reader.read(chunks()))


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_form__in_pieces__is_the_same(tmp_path: Path, size: int) -> None:
    # proves: W2
    sound = bytes(range(256)) * 9
    body = (
        part("model", b"whisper-1")
        + part("known_speaker_names[]", "김".encode())
        + part("file", sound, '; filename="a\tb.wav"')
        + part("known_speaker_names[]", b"Lee")
        + b"--x--\r\n"
    )
    found = read(tmp_path / "upload", body, size)
    assert found.fields == {"model": ["whisper-1"], "known_speaker_names": ["김", "Lee"]}
    assert found.file is not None
    assert (found.file.name, found.file.size) == ("a\\tb.wav", len(sound))
    assert found.file.path.read_bytes() == sound
    assert found.file.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("body", "head", "status", "says"),
    [
        (b"--x--\r\n", "application/json", 400, "multipart/form-data"),
        (b"--x--\r\n", "multipart/form-data", 400, "boundary"),
        (b"", HEAD, 400, "cut off"),
        (b"nonsense", HEAD, 400, "cannot be read"),
        (part("file", b"RIFF"), HEAD, 400, "cut off"),
        (part("model", b"\xff") + b"--x--\r\n", HEAD, 400, "cannot be read"),
        (part("", b"a") + b"--x--\r\n", HEAD, 400, "no name"),
        (part("file", b"a") + part("file", b"b") + b"--x--\r\n", HEAD, 400, "one file"),
        (part("prompt", b"a" * (MOST + 1)) + b"--x--\r\n", HEAD, 413, "parameters"),
        (part("a", b"") * 300 + b"--x--\r\n", HEAD, 400, "more than 256 parts"),
    ],
)
def test_form__that_is_none_or_too_much__is_refused(
    tmp_path: Path, body: bytes, head: str, status: int, says: str
) -> None:
    # proves: W2 W4
    with pytest.raises(ApiError, match=says) as raised:
        read(tmp_path / "upload", body, 64, head)
    assert raised.value.status == status
