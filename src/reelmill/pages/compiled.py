"""Compiled templates in the user's cache, so that each command does not compile them again.

They hold code, so each file carries a MAC of the user's key and is not used without it.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

from reelmill import __version__
from reelmill.core.atomic import replacing
from reelmill.core.keys import Seal, known_key
from reelmill.core.paths import user_cache
from reelmill.errors import NotOursError

_PURPOSE = "compiled template"
_MAC_BYTES = 64


class CompiledTemplates(BytecodeCache):
    """A template's code, by the version of Jinja and the options of its environment. Jinja itself
    compares the template's text and the version of Python. What cannot be read or written is
    compiled again each time."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give `bucket` its code, if there is some that we wrote."""
        seal = _seal()
        if seal is None:
            return
        with contextlib.suppress(OSError):
            data = _path(bucket).read_bytes()
            mac, code = data[:_MAC_BYTES], data[_MAC_BYTES:]
            if seal.fits(mac.decode("ascii", "replace"), _PURPOSE, code):
                bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of `bucket`."""
        seal = _seal()
        if seal is None:
            return
        code = bucket.bytecode_to_string()
        with (
            contextlib.suppress(OSError, NotOursError),
            replacing(_path(bucket), durable=False) as file,
        ):
            file.write(seal.of(_PURPOSE, code).encode() + code)


def _seal() -> Seal | None:
    key = known_key()
    return None if key is None else key.seal


def _path(bucket: Bucket) -> Path:
    of = bucket.environment
    options = (of.autoescape, of.trim_blocks, of.lstrip_blocks, of.finalize, of.undefined)
    made_by = f"{jinja2.__version__} {__version__} {[getattr(o, '__name__', o) for o in options]}"
    version = hashlib.sha256(made_by.encode()).hexdigest()[:12]
    return user_cache() / "templates" / f"{bucket.key}-{version}.bin"
