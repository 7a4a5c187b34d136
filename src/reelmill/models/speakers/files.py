"""Resolve the name of a speaker network to its file: shipped, local, or from the model hub."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from reelmill.core.json_text import parse_json
from reelmill.core.notices import announce
from reelmill.errors import ModelUnavailableError
from reelmill.models.files import hub
from reelmill.models.files.names import given_path
from reelmill.models.runtimes.onnx import SHIPPED
from reelmill.models.speakers.networks import EncoderSpec, Features, SegmentationSpec

#: The networks that come with the package.
DEFAULT = "default"

SpeakerNetwork = Literal["speaker-segmentation", "speaker-encoder"]

_CONFIG = "config.json"
#: The window of networks that do not state theirs: that of pyannote's segmentation-3.0.
_WINDOW_SECONDS = 10.0


@dataclass(frozen=True)
class KnownNetwork:
    """A public network: its hub repository and the file in it."""

    kind: SpeakerNetwork
    repository: str
    file: str


KNOWN: dict[str, KnownNetwork] = {
    "pyannote-segmentation-3.0": KnownNetwork(
        "speaker-segmentation", "onnx-community/pyannote-segmentation-3.0", "onnx/model.onnx"
    ),
    "wespeaker-resnet34": KnownNetwork(
        "speaker-encoder",
        "Wespeaker/wespeaker-voxceleb-resnet34-LM",
        "voxceleb_resnet34_LM.onnx",
    ),
}

_WAYS_OUT = (
    "run once with a network; give the path of the .onnx file instead; set HF_TOKEN if the "
    "repository is private or gated; or leave out the option"
)


def segmentation_spec(name: str) -> SegmentationSpec:
    """The segmentation network `name`: `default`, one of `KNOWN`, a hub name, a file or folder.

    Raises:
        ModelUnavailableError: it is not available; the message says what to do.
    """
    path = network_file(name, "speaker-segmentation")
    seconds = float(_config(path).get("window_seconds", _WINDOW_SECONDS))
    label, on_cpu = _label(name, "pyannote-segmentation-3.0"), _on_cpu(path)
    return SegmentationSpec(path, label, _digest(path, on_cpu), on_cpu, seconds)


def encoder_spec(name: str) -> EncoderSpec:
    """The speaker encoder `name`; as `segmentation_spec`."""
    path = network_file(name, "speaker-encoder")
    features = _config(path).get("features", "wespeaker")
    if features not in get_args(Features):
        raise ModelUnavailableError(
            f"{path.parent / _CONFIG}: features {features!r}; "
            f"give one of {', '.join(get_args(Features))}"
        )
    label, on_cpu = _label(name, "campplus-zh-en"), _on_cpu(path)
    return EncoderSpec(path, label, _digest(path, on_cpu), on_cpu, features)


def network_file(name: str, kind: SpeakerNetwork) -> Path:
    """The .onnx file of a network, downloaded if necessary. Raises as `segmentation_spec`."""
    if name == DEFAULT:
        return SHIPPED / kind / "model.onnx"
    path = given_path(name, KNOWN)
    if path is not None and path.is_file():
        return path.resolve()
    if path is not None and path.is_dir():
        return _only_network(path.resolve())
    known = KNOWN.get(name)
    if known is not None and known.kind == kind:
        return _fetched(known.repository, known.file)
    if path is None and name.count("/") == 1:
        return _fetched(name, None)
    names = [DEFAULT, *(one for one, network in KNOWN.items() if network.kind == kind)]
    raise ModelUnavailableError(
        f"no {kind} network {name!r}: give one of {', '.join(names)}, a hub repository "
        "(owner/name) with one .onnx file in it, or the path of an .onnx file"
    )


def _fetched(repository: str, file: str | None) -> Path:
    snapshot = hub.cached_snapshot(repository)
    if snapshot is None or not (snapshot / file if file else snapshot).exists():
        announce(f"fetching speaker network {repository}")
        wanted = [file] if file else ["*.onnx", "**/*.onnx", _CONFIG]
        snapshot = hub.download(repository, wanted, sleep=time.sleep, ways_out=_WAYS_OUT)
    path = snapshot / file if file else _only_network(snapshot)
    if not path.is_file():
        raise hub.unavailable(repository, f"it has no file {file}", _WAYS_OUT)
    return path


def _only_network(folder: Path) -> Path:
    found = sorted(folder.rglob("*.onnx"))
    if len(found) != 1:
        raise ModelUnavailableError(
            f"{folder} holds {len(found)} .onnx files; give the path of the one to use"
        )
    return found[0]


def _config(path: Path) -> dict[str, Any]:
    """The contents of `config.json` beside a network; empty if there is none."""
    file = path.parent / _CONFIG
    if not file.is_file():
        return {}
    try:
        content: Any = parse_json(file.read_text("utf-8"))
    except ValueError as error:
        raise ModelUnavailableError(
            f"{file}: not valid JSON ({error}); correct or remove it"
        ) from error
    return content if isinstance(content, dict) else {}


def _on_cpu(path: Path) -> Path | None:
    """The file that `config.json` names for the CPU.

    Raises:
        ModelUnavailableError: there is no such file beside the network.
    """
    name = _config(path).get("on_cpu")
    if name is None:
        return None
    file = path.with_name(Path(str(name)).name)
    if not file.is_file():
        raise ModelUnavailableError(
            f"{path.parent / _CONFIG}: on_cpu names {file.name}, which is not there; copy it there "
            "or remove the entry"
        )
    return file


def _label(name: str, default: str) -> str:
    return default if name == DEFAULT else name


def _digest(path: Path, on_cpu: Path | None) -> str:
    content = path.read_bytes() + (on_cpu.read_bytes() if on_cpu else b"")
    return hashlib.sha256(content).hexdigest()[:16]
