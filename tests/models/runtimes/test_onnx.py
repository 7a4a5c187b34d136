"""Opening networks: the abilities of the installed ONNX Runtime are checked first."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.faces.mtcnn import MtcnnSpec
from reelmill.models.runtimes import onnx
from reelmill.models.speakers.files import segmentation_spec


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    onnx.knows_cuda.cache_clear()
    yield
    onnx.knows_cuda.cache_clear()


# proves: G16 G19
def test_networks_stay_on_the_cpu_if_onnx_runtime_has_no_cuda(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ModuleSpec("onnxruntime", None, is_package=True)
    found.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(onnx, "find_spec", lambda name: found)
    for spec in (MtcnnSpec(), segmentation_spec("default")):
        assert spec.supports("cpu") and not spec.supports("cuda")
        assert "onnxruntime-gpu" in spec.unsupported_reason("cuda")
    (tmp_path / "capi").mkdir()
    (tmp_path / "capi" / "libonnxruntime_providers_cuda.so").touch()
    onnx.knows_cuda.cache_clear()
    assert MtcnnSpec().supports("cuda") and not MtcnnSpec().unsupported_reason("cuda")


def test_a_gpu_is_not_silently_replaced_by_another_device() -> None:
    path = MtcnnSpec().folder / "onet.onnx"
    with pytest.raises(ModelUnavailableError, match=r"onnxruntime-gpu.*--device cpu"):
        onnx.open_network(path, Device("cuda", 0), 1)


def test_on_cuda_new_shapes_cost_no_search_and_the_arena_takes_no_more_than_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import onnxruntime

    class Session:
        def __init__(self, path: str, options: object, providers: list[object]) -> None:
            self.providers = providers

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"], raising=True
    )
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    session = onnx.open_network(MtcnnSpec().folder / "onet.onnx", Device("cuda", 1), 1)
    (name, given), fallback = session.providers
    assert (name, fallback) == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert given == {
        "device_id": 1,
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
    }


@pytest.mark.parametrize(("flags", "exact"), [("fma avx2", False), ("avx2 avx512_vnni", True)])
def test_products_of_8_bits_are_exact_on_cpus_without_the_instructions_for_them(
    flags: str, exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    real = onnxruntime.InferenceSession
    asked: list[str] = []

    def session(path: str, options: onnxruntime.SessionOptions, providers: list[str]) -> object:
        try:
            asked.append(options.get_session_config_entry("session.x64quantprecision"))
        except RuntimeError:
            asked.append("")
        return real(path, options, providers=providers)

    monkeypatch.setattr(Path, "read_text", lambda *given: f"flags\t\t: {flags}\n")
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    onnx.multiplies_bytes_exactly.cache_clear()
    try:
        onnx.open_network(MtcnnSpec().folder / "pnet.onnx", Device("cpu"), 1)
    finally:
        onnx.multiplies_bytes_exactly.cache_clear()
    assert asked == ["" if exact else "1"]
