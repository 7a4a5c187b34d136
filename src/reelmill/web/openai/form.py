"""Read the form of a request: its file goes to the disk as it comes, its parameters into memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from reelmill.core import gate
from reelmill.core.printable import printable
from reelmill.web.openai.errors import ApiError, invalid

#: Bytes collected before they are written, in a thread.
_BLOCK = 1 << 20
_MOST_PARTS = 256
_LONGEST_NAME = 200


@dataclass
class Form:
    """The parameters by name, in order, without `[]`, and the file."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    file: Upload | None = None


@dataclass(frozen=True)
class Upload:
    """A file that was sent: where it is, what the client calls it, its bytes and SHA-256 (hex)."""

    path: Path
    name: str
    size: int
    sha256: str


class FormReader:
    """Reads one form. Close it, or use `with`, so that no file stays open."""

    def __init__(self, content_type: str, path: Path, most: int) -> None:
        """Prepare to read.

        Args:
            content_type: the header.
            path: where the file goes, below a folder that is open for writing.
            most: bytes of all parameters.

        Raises:
            ApiError: it is not multipart/form-data.
        """
        kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise invalid(
                "send the parameters and the file as multipart/form-data, with a boundary in "
                "Content-Type"
            )
        self._path = path
        self._most = most
        self._form = Form()
        self._descriptor: int | None = None
        self._block = bytearray()
        self._digest = hashlib.sha256()
        self._size = self._parts = self._held = 0
        self._file_name = ""
        self._begin_part()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._data,
                    "on_part_end": self._part_end,
                    "on_end": self._end,
                },
            )
        except MultipartParseError as error:
            raise invalid(f"the form cannot be read: {error}") from error
        self._ended = False

    async def read(self, chunks: AsyncIterator[bytes]) -> Form:
        """Read to the end.

        Raises:
            ApiError: it is no form, is cut off, or holds too much.
            OSError: the file cannot be written.
        """
        try:
            async for chunk in chunks:
                self._parser.write(chunk)
                if len(self._block) >= _BLOCK:
                    await asyncio.to_thread(self._write)
        except (MultipartParseError, UnicodeDecodeError) as error:
            raise invalid(f"the form cannot be read: {error}") from error
        if not self._ended:
            raise invalid("the form is cut off: its last boundary is missing")
        if self._descriptor is not None:
            await asyncio.to_thread(self._write)
            self._form.file = Upload(
                self._path, self._file_name, self._size, self._digest.hexdigest()
            )
        return self._form

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FormReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _write(self) -> None:
        assert self._descriptor is not None
        view = memoryview(bytes(self._block))
        self._block.clear()
        self._digest.update(view)
        while view:
            view = view[os.write(self._descriptor, view) :]

    # -- as the parser comes across them

    def _begin_part(self) -> None:
        self._header, self._value = b"", b""
        self._name, self._is_file = "", False
        self._content = bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._name = options.get(b"name", b"").decode("utf-8", "replace").removesuffix("[]")
            self._is_file = self._name == "file"
            if self._is_file:
                name = options.get(b"filename", b"").decode("utf-8", "replace")
                self._file_name = printable(name)[:_LONGEST_NAME]
        self._header, self._value = b"", b""

    def _headers_end(self) -> None:
        self._parts += 1
        if not self._name:
            raise invalid("a part of the form has no name")
        if self._parts > _MOST_PARTS:
            raise invalid(f"the form has more than {_MOST_PARTS} parts")
        if self._is_file:
            if self._descriptor is not None:
                raise invalid("send one file", "file")
            self._descriptor = gate.create(self._path, 0o600)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._size += end - start
            self._block += data[start:end]
            return
        self._held += end - start
        if self._held > self._most:
            raise ApiError(
                413,
                f"the parameters have more than {self._most >> 20} MB; send shorter samples of "
                "known speakers",
                param=self._name,
                code="parameters_too_large",
            )
        self._content += data[start:end]

    def _part_end(self) -> None:
        if not self._is_file:
            self._form.fields.setdefault(self._name, []).append(self._content.decode("utf-8"))

    def _end(self) -> None:
        self._ended = True
