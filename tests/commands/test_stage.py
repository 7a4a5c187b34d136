"""`reelmill stage`: run one stage alone, from earlier results."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reelmill.artifacts import (
    Audio,
    ClipPlan,
    Footage,
    NamedPersons,
    Picture,
    Segment,
    Sentences,
    Transcript,
    TranslatedSentence,
    Translations,
)
from reelmill.commands.stage import find_stage, run_stage_command
from reelmill.core.keys import user_key
from reelmill.core.paths import ASSETS
from reelmill.core.recording import Recording, read_state
from reelmill.engine.state import artifact_store as store
from reelmill.errors import UsageError
from reelmill.pipelines.choices import NOT_ASKED


def saved(folder: Path, name: str, artifact, original: Path, of: str = "subtitle") -> Path:
    """An artifact as a run would have written it."""
    stage, _, _ = find_stage(name, of, {"out": folder, "model": "demo", "translator": NOT_ASKED})
    recording = Recording(original, original.stem, folder, read_state(original))
    path = folder / f"{name}-1.json"
    folder.mkdir(exist_ok=True)
    for beside in artifact.sidecars():
        (folder / beside).touch()
    store.save(path, stage, "1" * 64, recording, artifact, user_key().seal)
    return path


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "회의 영상.mp4"
    path.write_bytes(b"anything: these stages do not open it")
    return path


def transcript() -> Transcript:
    segments = [
        Segment(0.0, 1.5, "きょうは", -0.2, 0.1, 1.0, 0.0),
        Segment(1.5, 3.0, "あめです。", -0.2, 0.1, 1.0, 0.0),
    ]
    return Transcript("ja", 1.0, "demo", 4.0, 3.0, segments)


def run(name: str, *files: Path, pairs: tuple[str, ...] = ()) -> int:
    return run_stage_command(name, files, None, {}, pairs)


def test_stages_can_be_run_one_after_the_other_from_files(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # proves: G13 S4
    folder = tmp_path / "artifacts"
    heard = saved(folder, "transcribe", transcript(), original)
    assert run("sentences", heard, pairs=("align=false",)) == 0
    joined = Path(capsys.readouterr().out.strip())
    sentences = store.load_named(joined, Sentences)
    assert isinstance(sentences, Sentences)
    assert [one.text for one in sentences.sentences] == ["きょうはあめです。"]
    answer = [TranslatedSentence("오늘은 비가 와요.", "translated")]
    saved(folder, "translate", Translations("ja", "demo", {"ko": answer}), original)
    assert run("layout", joined, pairs=("longest=5",)) == 0
    told = capsys.readouterr()
    laid = json.loads(Path(told.out.strip()).read_text(encoding="utf-8"))
    assert laid["data"]["tracks"][0]["cues"][0]["lines"] == ["오늘은 비가 와요."]
    assert laid["stage"]["settings"]["longest"] == 5
    assert "translate-1.json" in told.err


def test_stage__after_a_run_of_voice__reads_its_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # proves: G13
    sample = tmp_path / "여행.ogg"
    shutil.copy(ASSETS / "samples" / "planning a trip.ogg", sample)
    named = {"out": tmp_path / "out", "model": "demo"}
    assert run_stage_command("probe", [sample], "voice", named, ()) == 0
    probed = Path(capsys.readouterr().out.strip())
    assert probed.is_relative_to(tmp_path / "out" / ".cache" / "artifacts")
    assert run_stage_command("decode", [probed], "voice", {"model": "demo"}, ()) == 0
    decoded = Path(capsys.readouterr().out.strip())
    assert isinstance(store.load_named(decoded, Audio), Audio)


def test_sentences_are_joined_by_the_times_of_words(original: Path, tmp_path: Path) -> None:
    # proves: G13 V4
    heard = saved(tmp_path / "artifacts", "transcribe", transcript(), original)
    with pytest.raises(UsageError, match="sentences reads a AlignedTranscript"):
        run("sentences", heard)


def test_a_missing_input_is_named(original: Path, tmp_path: Path) -> None:
    # proves: G13
    heard = saved(tmp_path / "artifacts", "transcribe", transcript(), original)
    with pytest.raises(UsageError, match="layout reads a Sentences"):
        run("layout", heard)


def test_files_removed_at_the_end_of_a_run_are_named(original: Path, tmp_path: Path) -> None:
    # proves: G13
    folder = tmp_path / "artifacts"
    footage = saved(folder, "render_faces", Footage([], ["sound-1.mp4"], {}), original, of="faces")
    picture = Picture(0, 320, 240, 0, 25, 25.0, 1.0)
    saved(
        folder,
        "name_persons",
        NamedPersons("p.npz", picture, "faces", 0.6, [], []),
        original,
        of="faces",
    )
    saved(folder, "plan_clips", ClipPlan("w.npz", "dual", 250, 250, []), original, of="faces")
    (folder / "sound-1.mp4").unlink()
    with pytest.raises(UsageError, match=r"sound-1\.mp4 beside it is gone.*stage render_faces"):
        run("write_clips", footage)


def test_a_result_made_by_others_is_used_if_named_with_a_warning(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # proves: G12 G13
    heard = saved(tmp_path / "artifacts", "transcribe", transcript(), original)
    assert run("sentences", heard, pairs=("align=false",)) == 0
    mine = capsys.readouterr()
    assert "not made with your key" not in mine.err
    heard.write_text(heard.read_text().replace("きょうは", "きのうは"))
    assert run("sentences", heard, pairs=("align=false",)) == 0
    theirs = capsys.readouterr()
    told = f"{heard}: not made with your key, or changed since; used because you named it"
    assert told in theirs.err
    assert "きのうは" in Path(theirs.out.strip()).read_text()
    assert theirs.out != mine.out, "a later run would take it for its own work"


def test_a_result_made_by_others_is_not_used_unless_named(original: Path, tmp_path: Path) -> None:
    # proves: G12
    folder = tmp_path / "artifacts"
    heard = saved(folder, "transcribe", transcript(), original)
    joined = saved(folder, "sentences", Sentences("ja", 4.0, [], "demo"), original)
    translated = saved(folder, "translate", Translations("ja", "demo", {"ko": []}), original)
    translated.write_text(translated.read_text() + " ")
    with pytest.raises(UsageError, match=r"reads a Translations .* none of yours"):
        run("layout", joined)
    assert heard.exists()


def test_a_recording_that_has_changed_is_refused(original: Path, tmp_path: Path) -> None:
    heard = saved(tmp_path / "artifacts", "transcribe", transcript(), original)
    original.write_bytes(b"something else")
    with pytest.raises(UsageError, match="has changed since"):
        run("sentences", heard)


@pytest.mark.parametrize(
    ("name", "pairs", "words"),
    [("nonsense", (), "the stages are: .*probe"), ("layout", ("lins=2",), "the settings are")],
)
def test_an_unknown_stage_lists_all_stages(
    name: str, pairs: tuple[str, ...], words: str, original: Path, tmp_path: Path
) -> None:
    heard = saved(tmp_path / "artifacts", "transcribe", transcript(), original)
    with pytest.raises(UsageError, match=words):
        run(name, heard, pairs=pairs)
