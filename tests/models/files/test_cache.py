"""A name is resolved to a folder, or a clear message says why not."""

import json
import socket
from pathlib import Path

import pytest

from reelmill.errors import ModelUnavailableError
from reelmill.models.files import cache, hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def make_model(folder: Path, n_mels: int = 80, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (folder / name).write_text("{}")
    (folder / "model.bin").write_bytes(weights)
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": n_mels}))
    return folder


def make_cached(repository: str, **kwargs) -> Path:
    root = hub.models_folder() / f"models--{repository.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(COMMIT)
    return make_model(root / "snapshots" / COMMIT, **kwargs)


def test_the_demo_model_is_in_the_package(demo):
    # proves: V3
    assert demo.name == "demo"
    assert demo.path.parent.parent.name == "assets"
    assert demo.identity.startswith("local:")


def test_a_model_can_be_a_local_folder(tmp_path):
    # proves: V3
    folder = make_model(tmp_path / "my model", n_mels=128)
    files = cache.resolve(str(folder))
    assert (files.path, files.n_mels) == (folder, 128)


def test_a_model_may_declare_shorter_windows(tmp_path):
    folder = make_model(tmp_path / "short")
    assert cache.resolve(str(folder)).window_seconds == 30
    (folder / "preprocessor_config.json").write_text(json.dumps({"chunk_length": 12}))
    assert cache.resolve(str(folder)).window_seconds == 12
    declared = {"chunk_length": 30, "speech_seconds": 10}
    (folder / "preprocessor_config.json").write_text(json.dumps(declared))
    files = cache.resolve(str(folder))
    assert (files.window_seconds, files.padded_seconds) == (10, 30)
    declared = {"chunk_length": 30, "speech_seconds": 10, "padded_seconds": 12}
    (folder / "preprocessor_config.json").write_text(json.dumps(declared))
    files = cache.resolve(str(folder))
    assert (files.window_seconds, files.padded_seconds) == (10, 12)


def test_the_identity_follows_the_content_and_not_the_path(tmp_path):
    # proves: G12
    one = cache.resolve(str(make_model(tmp_path / "one"))).identity
    copy = cache.resolve(str(make_model(tmp_path / "two"))).identity
    other = cache.resolve(str(make_model(tmp_path / "three", weights=b"Weights"))).identity
    assert one == copy != other


def test_identity_of_large_weights_is_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_HASHED_WHOLE", 1 << 20)
    weights = bytearray(4 << 20)
    one = cache.resolve(str(make_model(tmp_path / "one", weights=bytes(weights)))).identity
    weights[-1] = 1
    other = cache.resolve(str(make_model(tmp_path / "two", weights=bytes(weights)))).identity
    assert one != other


@pytest.mark.parametrize("name", ["large-v3", "large", "Systran/faster-whisper-large-v3"])
def test_a_cached_hub_model_is_found(name):
    # proves: V3
    folder = make_cached("Systran/faster-whisper-large-v3", n_mels=128)
    files = cache.resolve(name)
    assert (files.path, files.name, files.n_mels) == (folder, name, 128)
    assert files.identity == f"hub:Systran/faster-whisper-large-v3@{COMMIT}"


def test_any_repository_of_the_hub_is_accepted():
    folder = make_cached("someone/whisper-ko-ct2")
    assert cache.resolve("someone/whisper-ko-ct2").path == folder


def test_a_folder_copied_into_the_models_folder_is_found():
    folder = make_model(hub.models_folder() / "medium")
    assert cache.resolve("medium").path == folder


@pytest.mark.parametrize("file", ["config.json", "model.bin", "tokenizer.json"])
def test_a_missing_file_of_a_model_is_named(tmp_path, file):
    # proves: G11
    folder = make_model(tmp_path / "model")
    (folder / file).unlink()
    with pytest.raises(ModelUnavailableError, match=file):
        cache.resolve(str(folder))


def test_a_partly_downloaded_model_is_reported_offline():
    # proves: G11
    (make_cached("Systran/faster-whisper-tiny") / "model.bin").unlink()
    with pytest.raises(
        ModelUnavailableError,
        match=r"HF_HUB_OFFLINE.*Choose one of "
        r"these.*--model demo",
    ):
        cache.resolve("tiny")
    with pytest.raises(ModelUnavailableError, match=r"lacks model\.bin"):
        cache.resolve("tiny", download=False)


def test_an_unknown_name_is_reported_with_similar_ones(tmp_path):
    with pytest.raises(ModelUnavailableError, match="did you mean 'large-v3'"):
        cache.resolve("large-v33")
    weights = make_model(tmp_path / "model") / "model.bin"
    with pytest.raises(ModelUnavailableError, match="is a file"):
        cache.resolve(str(weights))
    with pytest.raises(ModelUnavailableError, match=r"no model '\./gone'"):
        cache.resolve("./gone")


class ScriptedHub:
    """Stands for the hub: raises what it is given, then fetches."""

    def __init__(self, errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, repository, wanted):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return make_cached(repository)


class ConnectError(Exception):
    """Named as the HTTP client's."""


def _gated():
    from types import SimpleNamespace

    from huggingface_hub.errors import GatedRepoError

    error = GatedRepoError.__new__(GatedRepoError)
    error.response = SimpleNamespace(status_code=403)
    return error


@pytest.fixture
def online(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")

    def script(*errors):
        scripted = ScriptedHub(errors)
        monkeypatch.setattr(hub, "_snapshot_download", scripted)
        return scripted

    return script


def test_a_failed_download_is_retried(online, announced):
    # proves: G8 G11
    scripted = online(ConnectError("down"), TimeoutError("slow"), ConnectError("down"))
    waits, lines = [], announced
    files = cache.resolve("tiny", sleep=waits.append)
    assert files.path.name == COMMIT
    assert waits == [5.0, 15.0, 30.0]
    assert scripted.calls == 4
    assert "about 78 MB" in lines[0]
    assert len(lines) == 4


def test_a_download_is_given_up_after_its_tries(online):
    # proves: G11
    scripted = online(*[ConnectError("down")] * 9)
    with pytest.raises(ModelUnavailableError, match="Choose one of these"):
        cache.resolve("tiny", sleep=lambda seconds: None)
    assert scripted.calls == 4


def test_a_refused_download_is_not_retried(online):
    # proves: G8 G11
    scripted = online(_gated())
    with pytest.raises(ModelUnavailableError, match=r"gated.*HF_TOKEN"):
        cache.resolve("tiny", sleep=lambda seconds: None)
    assert scripted.calls == 1


def test_a_host_name_that_does_not_resolve_is_not_retried(online):
    # proves: G11
    error = ConnectError("down")
    error.__cause__ = socket.gaierror(-2, "Name or service not known")
    scripted = online(error)
    with pytest.raises(ModelUnavailableError, match="no network"):
        cache.resolve("tiny", sleep=lambda seconds: None)
    assert scripted.calls == 1


def test_without_a_network_the_hub_library_fails_at_once(monkeypatch):
    # proves: G11
    monkeypatch.delenv("HF_HUB_OFFLINE")
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://hub.invalid")
    monkeypatch.setattr(
        huggingface_hub.constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        "http://hub.invalid/{repo_id}/resolve/{revision}/{filename}",
    )
    waits = []
    with pytest.raises(ModelUnavailableError, match="no network"):
        cache.resolve("tiny", sleep=waits.append)
    assert waits == []


def test_the_hub_library_respects_offline_mode(online, monkeypatch):
    """Whatever huggingface_hub raises without a network, the message is ours."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailableError, match="Choose one of these"):
        cache.resolve("tiny", sleep=lambda seconds: None)


def test_models_are_listed_with_their_paths():
    make_cached("Systran/faster-whisper-tiny")
    make_cached("someone/whisper-ko-ct2")
    (hub.models_folder() / "models--someone--text-model" / "snapshots").mkdir(parents=True)
    entries = {entry.name: entry for entry in cache.list_models()}
    assert entries["tiny"].path is not None
    assert entries["tiny"].size_mb > 0
    assert entries["medium"].path is None
    assert entries["someone/whisper-ko-ct2"].path is not None
    assert "someone/text-model" not in entries
    assert "Systran/faster-whisper-tiny" not in entries


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"REELMILL_MODELS": "/a", "HF_HUB_CACHE": "/b"}, "/a"),
        ({"HF_HUB_CACHE": "/b", "HF_HOME": "/c"}, "/b"),
        ({"HF_HOME": "/c"}, "/c/hub"),
        ({"XDG_CACHE_HOME": "/d"}, "/d/huggingface/hub"),
    ],
)
def test_the_models_folder_is_the_one_of_the_hub_library(monkeypatch, variables, folder):
    for name in ("REELMILL_MODELS", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert hub.models_folder() == Path(folder)


def test_downloads_show_no_progress_bar(monkeypatch, capfd):
    def snapshot(repository, *, tqdm_class, **_):
        with tqdm_class(total=2, desc="Fetching", name="huggingface_hub.snapshot_download") as bar:
            bar.update(1)
        return "/somewhere"

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert hub._snapshot_download("owner/name", ["*.bin"]) == Path("/somewhere")
    assert capfd.readouterr() == ("", "")
