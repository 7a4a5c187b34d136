"""Corrections over HTTP: every file follows, and the second of two people is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reelmill.evidence import CUSTODY, verify
from reelmill.runs.case_folder import open_case
from reelmill.search.index import Query, SearchIndex
from tests.web.corrections.kit import Review, copied, reviewing

# proves: V7 W1 G14


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Review]:
    folder = tmp_path_factory.mktemp("served")
    with reviewing(folder, folder / "out") as review:
        yield review


@pytest.fixture
def review(shared: Review, finished: Path) -> Review:
    copied(finished, shared.out.parent)
    return shared


def segments(review: Review) -> list[dict[str, object]]:
    text = (review.out / "a b" / "voice#mail.json").read_text()
    found: list[dict[str, object]] = json.loads(text)["segments"]
    return found


def words(segment: dict[str, object], now: str) -> dict[str, object]:
    was, start, end = segment["text"], segment["start"], segment["end"]
    return {"kind": "words", "start": start, "end": end, "was": was, "now": now}


def test_a_word_is_corrected_everywhere_and_the_log_says_who(review: Review) -> None:
    [first, *_] = segments(review)
    text = str(first["text"]).replace("four", "ninety")
    done = review.correct("Kim", words(first, text))
    assert done.status == 200, done.body
    [made] = done.json["corrections"]
    assert (made["was"], made["now"], made["by"]) == ("four", "ninety", "Kim")
    assert {"a b/voice#mail.txt", "a b/voice#mail.srt"} < set(done.json["files"])
    for name in ("txt", "srt", "json", "html"):
        assert "ninety" in (review.out / "a b" / f"voice#mail.{name}").read_text(), name
    [entry] = [
        found
        for line in (review.out / CUSTODY).read_bytes().splitlines()
        if (found := json.loads(line))["what"] == "correction"
    ]
    assert (entry["person"], entry["edits"][0]["now"]) == ("Kim", "ninety")
    index = SearchIndex(review.out)
    index.update()
    assert [hit.text for hit in index.search(Query("ninety"))] == [text]
    assert verify(review.out, strict=True).ok


def test_speakers_are_moved_renamed_and_joined_and_segments_split(review: Review) -> None:
    [first, second, *_] = segments(review)
    times = {"start": first["start"], "end": first["end"]}
    who = str(first["speaker"])
    assert (
        review.correct("Kim", {"kind": "speaker", **times, "was": who, "now": "Emma"}).status == 200
    )
    found = segments(review)
    assert [one["speaker"] for one in found[:2]] == ["Emma", second["speaker"]]
    assert review.correct("Lee", {"kind": "name", "was": "Emma", "now": "Em"}).status == 200
    assert segments(review)[0]["speaker"] == "Em"
    joined = {"kind": "name", "was": "Em", "now": second["speaker"]}
    assert review.correct("Lee", joined).status == 200
    assert {one["speaker"] for one in segments(review)} == {who}
    third = first["words"][2]["start"]  # type: ignore[index]
    assert review.correct("Kim", {"kind": "split", "start": third + 0.01}).status == 200
    parts = segments(review)
    assert [str(one["text"]).split() for one in parts[:2]] == [
        str(first["text"]).split()[:2],
        str(first["text"]).split()[2:],
    ]
    again = {"kind": "merge", "start": parts[0]["start"], "end": parts[1]["end"]}
    assert review.correct("Kim", again).status == 200
    assert segments(review)[0]["text"] == first["text"]


def test_the_second_of_two_people_is_told_and_loses_nothing(review: Review) -> None:
    [first, second, *_] = segments(review)
    version = review.ask("Lee").json["version"]
    assert review.correct("Kim", words(first, f"{first['text']} Now!")).status == 200
    late = {"version": version, "edits": [words(second, "What I wrote.")]}
    refused = review.ask("Lee", late)
    assert (refused.status, refused.code) == (409, "changed")
    assert "Kim changed the text meanwhile" in refused.json["error"]["message"]
    assert [one["by"] for one in review.ask("Lee").json["corrections"]] == ["Kim"]
    late["version"] = review.ask("Lee").json["version"]
    assert review.ask("Lee", late).status == 200
    assert [one["text"] for one in segments(review)[:2]] == [
        f"{first['text']} Now!",
        "What I wrote.",
    ]


def test_corrections_are_taken_back_in_any_order_unless_others_build_on_them(
    review: Review,
) -> None:
    [first, second, *_] = segments(review)
    assert review.correct("Kim", words(first, "One.")).status == 200
    assert review.correct("Kim", words(second, "Two.")).status == 200
    assert review.correct("Lee", words({**second, "text": "Two."}, "Three.")).status == 200
    version = review.ask("Kim").json["version"]
    needed = review.ask("Kim", {"version": version, "undo": 2})
    assert (needed.status, needed.code) == (409, "needed")
    assert review.ask("Kim", {"version": version, "undo": 1}).status == 200
    assert [one["text"] for one in segments(review)[:2]] == [first["text"], "Three."]
    version = review.ask("Kim").json["version"]
    gone = review.ask("Kim", {"version": version, "undo": 9})
    assert (gone.status, gone.code) == (409, "changed")


def test_what_does_not_fit_changes_nothing(review: Review) -> None:
    [first, *_] = segments(review)
    good, bad = words(first, "Other."), words({**first, "text": "Nobody said this."}, "x")
    refused = review.correct("Kim", good, bad)
    assert (refused.status, refused.code) == (422, "unfit")
    assert segments(review)[0]["text"] == first["text"]
    assert review.ask("Kim").json["corrections"] == []
    assert review.correct("Kim").code == "nothing"
    strange = {"kind": "words", "start": "NaN", "end": 1, "was": "a", "now": "b"}
    assert review.correct("Kim", strange).status == 422
    assert review.correct("Kim", {"kind": "delete"}).status == 422


def test_who_only_looks_and_pages_that_are_not_there_are_refused(review: Review) -> None:
    [first, *_] = segments(review)
    assert review.ask("Pak").status == 200
    assert review.correct("Pak", words(first, "x")).code == "forbidden"
    page = {name: review.server.get(review.path, authorization=f"Bearer {key}").body.decode()
            for name, key in review.keys.items()}  # fmt: skip
    assert 'src="/static/correct.js"' in page["Kim"] and "correct.js" not in page["Pak"]
    change = {"version": "none", "edits": [words(first, "x")]}
    for other in ("index.html", "../in/x.html", ".cache/x.html", "a b/voice#mail.txt", "no.html"):
        asked = replace(review, page=other).ask("Kim", change)
        assert asked.status == (422 if other == "index.html" else 404), other


def test_while_a_run_writes_there_it_is_busy(review: Review) -> None:
    [first, *_] = segments(review)
    with open_case(review.out):
        busy = review.correct("Kim", words(first, "x"))
    assert (busy.status, busy.code, busy.headers["retry-after"]) == (423, "busy", "5")
