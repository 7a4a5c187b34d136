"""The doctor names what is missing and what to do, and never fails itself."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from reelmill.commands import doctor
from reelmill.commands.doctor import diagnose
from reelmill.models.runtimes import cublas


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("REELMILL_MODELS", str(tmp_path / "models-folder"))


def by_name(checks):
    return {check.name: check for check in checks}


def test_doctor_checks_everything(tmp_path):
    # proves: G19
    checks = by_name(diagnose(tmp_path))
    expected = {
        "Python",
        "Cores",
        "Memory",
        "CTranslate2",
        "cuBLAS",
        "ONNX Runtime",
        "Demo model",
        "Models",
        "Extra torch",
        "Extra whisperx",
        "Extra pyannote.audio",
        "Extra docx",
        "FFmpeg",
        "espeak-ng",
        "Output folder",
        "Disk",
    }
    assert expected <= set(checks)
    assert any(name.startswith("GPU") for name in checks)
    assert checks["Python"].status == "ok"


def test_every_problem_has_a_remedy_of_one_line(tmp_path):
    for check in diagnose(tmp_path / "not" / "there"):
        assert "\n" not in check.found + check.remedy
        assert (check.status == "ok") == (check.remedy == "")
    assert not (tmp_path / "not").exists()


def test_doctor_reports_an_output_folder_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    check = by_name(diagnose(blocked))["Output folder"]
    assert check.status == "fail"
    assert "-o" in check.remedy


def test_doctor_reports_missing_cublas_on_a_gpu_machine(monkeypatch):
    # proves: G19
    import ctranslate2

    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    missing = cublas.Finding("missing", None, "not in site-packages")
    monkeypatch.setattr(cublas, "find_cublas", lambda: missing)
    check = by_name(diagnose())["cuBLAS"]
    assert (check.status, check.remedy) == ("fail", 'pip install "reelmill[cuda]"')


def test_doctor_reports_onnx_runtime_without_cuda_on_a_gpu_machine(monkeypatch):
    # proves: G19
    import ctranslate2

    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    check = by_name(diagnose())["ONNX Runtime"]
    assert check.status == "warn" and "faces" in check.found
    assert "pip install" in check.remedy and "onnxruntime-gpu" in check.remedy


def test_doctor_reports_a_gpu_filled_by_other_programs(monkeypatch):
    # proves: G6
    import pynvml

    memory = SimpleNamespace(free=1 << 30, used=23 << 30, total=24 << 30)
    for name, value in {
        "nvmlInit": None,
        "nvmlShutdown": None,
        "nvmlSystemGetDriverVersion": b"580.1",
        "nvmlDeviceGetCount": 1,
        "nvmlDeviceGetHandleByIndex": 0,
        "nvmlDeviceGetMemoryInfo": memory,
        "nvmlDeviceGetName": "A GPU",
    }.items():
        monkeypatch.setattr(pynvml, name, lambda *_, value=value: value)
    checks = by_name(diagnose())
    assert checks["GPU driver"].found == "NVIDIA 580.1, 1 device(s)"
    assert checks["GPU 0"].status == "warn"
    assert "1,024 MB of 24,576 MB" in checks["GPU 0"].found


def test_a_check_that_raises_is_reported_as_failed(monkeypatch):
    def broken():
        raise RuntimeError("no such thing")

    monkeypatch.setattr(doctor, "_models", broken)
    assert by_name(diagnose())["broken"].found == "no such thing"


def test_doctor_does_not_import_torch():
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; "
        "from reelmill.commands.doctor import diagnose; diagnose(); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
