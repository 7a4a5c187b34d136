"""cuBLAS is found where pip puts it, without LD_LIBRARY_PATH."""

import os
import shutil
import subprocess
import sys

import pytest

from reelmill.errors import ModelUnavailableError
from reelmill.models.runtimes import cublas

COMPILER = shutil.which("gcc") or shutil.which("cc")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="shared objects of Linux")

#: What CTranslate2 does: open the library by its bare name, in a fresh process.
SCRIPT = """
import ctypes, sys
from reelmill.models.runtimes.cublas import preload_cublas
sys.path.append(sys.argv[1])
finding = preload_cublas()
ctypes.CDLL("libcublas.so.12").cublas_stand_in
print(finding.source)
"""


def build(path, soname, beside=None):
    needed = ["-L", str(path.parent), f"-l:{beside}"] if beside else []
    named = ["-o", str(path), f"-Wl,-soname,{soname}", "-Wl,--no-as-needed"]
    subprocess.run(
        [COMPILER, "-shared", "-fPIC", "-x", "c", "-", "-x", "none", *named, *needed],
        input=b"int cublas_stand_in(void) { return 12; }",
        check=True,
    )


@linux
@pytest.mark.skipif(COMPILER is None, reason="no C compiler to make a stand-in library")
def test_cublas_is_found_in_site_packages(tmp_path):
    # proves: V3
    folder = tmp_path / "site-packages" / "nvidia" / "cublas" / "lib"
    folder.mkdir(parents=True)
    build(folder / "libcublasLt.so.12", "libcublasLt.so.12")
    build(folder / "libcublas.so.12", "libcublas.so.12", beside="libcublasLt.so.12")
    environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder.parents[2])],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "wheel"


@pytest.fixture
def nowhere(monkeypatch):
    def missing(library):
        raise OSError(f"{library}: cannot open shared object file")

    monkeypatch.setattr(cublas, "_open", missing)


@linux
def test_missing_cublas_is_reported_on_a_cuda_machine(nowhere, monkeypatch, tmp_path):
    # proves: G11
    monkeypatch.setattr(cublas, "_has_cuda_device", lambda: True)
    with pytest.raises(ModelUnavailableError, match=r'pip install "reelmill\[cuda\]"'):
        cublas.preload_cublas([str(tmp_path)])


@linux
def test_missing_cublas_is_ignored_without_cuda(nowhere, monkeypatch, tmp_path):
    # proves: G19
    monkeypatch.setattr(cublas, "_has_cuda_device", lambda: False)
    assert cublas.preload_cublas([str(tmp_path)]).source == "missing"


@linux
def test_a_damaged_cublas_package_is_reported(tmp_path):
    folder = tmp_path / "nvidia" / "cublas" / "lib"
    folder.mkdir(parents=True)
    for name in ("libcublasLt.so.12", "libcublas.so.12"):
        (folder / name).write_bytes(b"not a library")
    finding = cublas.find_cublas([str(tmp_path)])
    assert finding.source == "system" or "libcublasLt.so.12" in finding.detail
