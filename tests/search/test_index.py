from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from reelmill.errors import UsageError
from reelmill.search.index import Hit, Query, SearchIndex


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELMILL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def write(path: Path, *segments: dict[str, Any], **more: Any) -> None:
    content = {
        "schema": "reelmill.transcript/1",
        "source": {"name": f"{path.stem}.wav", "sha256": "ab"},
        "segments": list(segments),
        **more,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def said(text: str, start: float = 0.0, speaker: str | None = None) -> dict[str, Any]:
    words = [
        {"word": word, "start": start + number, "end": start + number + 0.5}
        for number, word in enumerate(text.split())
    ]
    return {"start": start, "end": start + 9, "text": text, "speaker": speaker, "words": words}


@contextlib.contextmanager
def index_of(out: Path) -> Iterator[SearchIndex]:
    with contextlib.closing(SearchIndex(out)) as index:
        yield index


def found(out: Path, words: str = "", **query: Any) -> Sequence[Hit]:
    with index_of(out) as index:
        assert index.update() == []
        return index.search(Query(words, **query))


def test_search__a_phrase__gives_the_second_it_is_said(out: Path) -> None:
    # proves: V13
    write(out / "a.json", said("please send the money now", 10, "A"), said("no", 20, "B"))
    (hit,) = found(out, '"the money"')
    assert (hit.recording, hit.at, hit.speaker) == ("a.wav", 12.0, "A")
    assert hit.text == "please send the money now"
    assert found(out, '"money the"') == []
    assert len(found(out, "now please")) == 1, "words in any order"


def test_search__korean_and_japanese_inside_longer_words__are_found(out: Path) -> None:
    # proves: V13
    write(out / "통화 1.json", said("내일까지 돈을보내지 않으면", 3))
    write(out / "電話.json", said("明日東京駅で会議があります", 4))
    assert [hit.at for hit in found(out, "돈")] == [4.0]
    assert [hit.recording for hit in found(out, "보내")] == ["통화 1.wav"]
    assert [hit.recording for hit in found(out, '"돈을 보내지"')] == ["통화 1.wav"]
    assert [hit.recording for hit in found(out, "会議")] == ["電話.wav"]
    assert found(out, "東駅") == []


def test_search__speaker_recording_time_and_kind__narrow_it(out: Path) -> None:
    # proves: V13
    threat = {"label": "threat", "text": "said you will pay", "start": 5.0, "end": 6.0}
    write(out / "call 1.json", said("pay", 0, "A"), said("pay", 60, "B"), findings=[threat])
    write(out / "call 10.json", said("pay", 0, "A"))
    assert len(found(out, "pay")) == 4
    assert [hit.at for hit in found(out, "pay", speaker="b")] == [60.0]
    assert {hit.recording for hit in found(out, "pay", recording="call 1")} == {"call 1.wav"}
    assert len(found(out, "pay", recording="call*")) == 4
    assert [hit.at for hit in found(out, "pay", start=50.0)] == [60.0]
    assert {hit.at for hit in found(out, "pay", end=30.0)} == {0.0, 5.0}
    assert [hit.label for hit in found(out, "threat", kinds=("finding",))] == ["threat"]
    assert len(found(out, speaker="A")) == 2, "no words: all lines of a speaker"
    assert len(found(out, "pay", limit=2)) == 2


def test_search__subtitles__are_found_in_both_languages(out: Path) -> None:
    sentence = {**said("good morning", 2), "translations": {"ko": {"text": "좋은 아침"}}}
    content = {"sentences": [sentence], "schema": "reelmill.subtitles/1", "segments": []}
    write(out / "film.subtitles.json", **content)
    assert [hit.kind for hit in found(out, "morning")] == ["speech"]
    assert [(hit.kind, hit.label, hit.at) for hit in found(out, "아침")] == [
        ("translation", "ko", 2.0)
    ]


def test_update__results_changed_removed_and_added__are_followed(out: Path) -> None:
    write(out / "a.json", said("first words"))
    assert len(found(out, "first")) == 1
    write(out / "a.json", said("other words"))
    write(out / "deeper" / "b.json", said("words below"))
    assert found(out, "first") == []
    assert len(found(out, "words")) == 2
    (out / "a.json").unlink()
    assert [hit.file for hit in found(out, "words")] == ["deeper/b.json"]


def test_update__other_files__are_left_out_or_reported(out: Path) -> None:
    write(out / "good.json", said("here"))
    write(out / ".cache" / "hidden.json", said("here"))
    (out / "performance_report.json").write_text("{}")
    (out / "no.json").write_text("{")
    (out / "deep.json").write_text("[" * 100_000)
    os.mkfifo(out / "pipe.json")
    (out / "link.json").symlink_to(out / "good.json")
    write(out / "bad.json", {"start": "soon", "end": 1, "text": "here"})
    with index_of(out) as index:
        problems = index.update()
        assert [hit.file for hit in index.search(Query("here"))] == ["good.json"]
    assert len(problems) == 2
    assert "bad.json: damaged, and not searched (segments.0.start" in problems[0]
    assert "link.json: not searched (a link)" in problems[1]


def test_search__a_query_without_letters__is_refused(out: Path) -> None:
    with index_of(out) as index, pytest.raises(UsageError, match="no word to look for"):
        index.search(Query('"..." *'))


def test_index__no_such_folder__is_refused(out: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        SearchIndex(out / "gone")


def test_index__made_by_another_version__is_rebuilt(out: Path) -> None:
    write(out / "a.json", said("here"))
    assert len(found(out, "here")) == 1
    with index_of(out) as index:
        index._lines.db.execute("PRAGMA user_version=99")
    assert len(found(out, "here")) == 1


def test_update__results__are_only_read(out: Path) -> None:
    write(out / "a.json", said("here"))
    before = sorted(path.name for path in out.rglob("*"))
    assert len(found(out, "here")) == 1
    assert sorted(path.name for path in out.rglob("*")) == before
