"""Let CTranslate2 find cuBLAS where pip installs it, without LD_LIBRARY_PATH.

CTranslate2 opens `libcublas.so.12` by its bare name when it first computes on a GPU. The loader
reuses a library of that name that is already loaded, so it is enough to open it by its full path
beforehand.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reelmill.errors import ModelUnavailableError

LIBRARY = "libcublas.so.12"
#: The order matters: cuBLAS needs the smaller library, which is in the same folder.
_LIBRARIES = ("libcublasLt.so.12", LIBRARY)
REMEDY = 'pip install "reelmill[cuda]"'


@dataclass(frozen=True)
class Finding:
    """Where cuBLAS was found: `source` is `wheel`, `system` or `missing`."""

    source: str
    path: str | None
    detail: str

    @property
    def found(self) -> bool:
        return self.source != "missing"


def preload_cublas(search: Iterable[str] | None = None) -> Finding:
    """Open cuBLAS 12 so that CTranslate2 finds it.

    Args:
        search: folders like `sys.path`, in which `nvidia/cublas/lib` may lie.

    Raises:
        ModelUnavailableError: it is missing and this machine has a CUDA device that needs it.
    """
    finding = find_cublas(search)
    if not finding.found and _has_cuda_device():
        raise ModelUnavailableError(
            f"this machine has a CUDA device, but {LIBRARY} is missing ({finding.detail}); "
            f"{REMEDY}, or use --device cpu"
        )
    return finding


def find_cublas(search: Iterable[str] | None = None) -> Finding:
    """Open cuBLAS 12 from site-packages, otherwise from the system. Never raises."""
    if not sys.platform.startswith("linux"):
        return Finding("system", None, "found by the system's own search")
    problem = "not in site-packages, not on the system's library path"
    folder = _wheel_folder(sys.path if search is None else search)
    if folder is not None:
        try:
            for name in _LIBRARIES:
                _open(str(folder / name))
        except OSError as error:
            problem = str(error)
        else:
            return Finding("wheel", str(folder / LIBRARY), "from nvidia-cublas-cu12")
    try:
        _open(LIBRARY)
    except OSError:
        return Finding("missing", None, problem)
    return Finding("system", LIBRARY, "on the system's library path")


def _open(library: str) -> None:
    ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)


def _wheel_folder(search: Iterable[str]) -> Path | None:
    folders = (Path(entry) / "nvidia" / "cublas" / "lib" for entry in search)
    return next((folder for folder in folders if (folder / LIBRARY).is_file()), None)


def _has_cuda_device() -> bool:
    import ctranslate2

    return bool(ctranslate2.get_cuda_device_count() > 0)
