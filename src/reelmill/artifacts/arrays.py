"""Arrays in a file beside an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from reelmill.errors import InputError


def write_arrays(path: Path, arrays: object) -> None:
    """Write a dataclass of arrays whole or not at all. Flushed to the disk with the artifact that
    it lies beside. Raises as `atomic.replacing` does."""
    import numpy as np

    from reelmill.core.atomic import replacing

    with replacing(path, durable=False) as file:
        np.savez(file, **vars(arrays))


def read_arrays(path: Path) -> dict[str, Any]:
    """The arrays in a file by name. Raises InputError when damaged."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(f"{path}: not readable arrays ({error}); remove it") from error
