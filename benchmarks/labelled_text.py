"""Language patterns on labelled text by other people: what is found in it, by label.

    python -m benchmarks.labelled_text [--dktc FILE] [--mentalmanip FILE] [--neutral LANGUAGE=FILE]
        [--json FILE]

Sentences that the author of the patterns wrote say little about the words of others, so this
searches public data sets. Their files are not part of the project: fetch them, give their paths.

    --dktc         `data/train.csv` of tunib-ai/DKTC: Korean conversations written by crowd workers,
                   labelled as threat, extortion, harassment at work and other harassment
    --mentalmanip  `experiments/datasets/mentalmanip_con.csv` of audreycs/MentalManip: English
                   dialogues of films, labelled with techniques of manipulation
    --neutral      a CSV file of everyday talk, such as `ChatbotData.csv` of songys/Chatbot_data
                   (Korean questions and answers, about broken hearts too); all its texts count

The labels are those of whole conversations and are not our categories, so the figures are the share
of conversations with at least one finding of a category, and of sentences of everyday talk with any
finding. Rows with an even number were read to widen and correct the patterns; those with an odd
number were only counted, but for everyday talk, where some of their findings were read too.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import show, told_command, write_result
from reelmill.stages.forensic.matching.languages import matcher_of
from reelmill.stages.forensic.matching.matcher import Matcher

_HALVES = {0: "read to correct the patterns", 1: "only counted"}
#: DKTC's classes in English.
_CLASSES = {
    "협박 대화": "threat", "갈취 대화": "extortion", "직장 내 괴롭힘 대화": "harassment at work",
    "기타 괴롭힘 대화": "other harassment",
}  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """A conversation of a data set: its lines, its labels, and which half it belongs to."""

    lines: list[str]
    labels: tuple[str, ...]
    half: int


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dktc", type=Path, help="train.csv of DKTC")
    parser.add_argument("--mentalmanip", type=Path, help="mentalmanip_con.csv of MentalManip")
    parser.add_argument(
        "--neutral", action="append", default=[], help="LANGUAGE=FILE, a CSV file of everyday talk"
    )
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result: dict[str, Any] = {"command": told_command("benchmarks.labelled_text"), "sets": []}
    if given.dktc is not None:
        result["sets"] += label_rows("DKTC", "ko", read_dktc(given.dktc))
    if given.mentalmanip is not None:
        result["sets"] += label_rows("MentalManip", "en", read_mentalmanip(given.mentalmanip))
    for one in given.neutral:
        language, _, path = one.partition("=")
        result["sets"] += neutral_rows(Path(path), language)
    write_result(given.json, result)


def read_dktc(path: Path) -> Iterator[Labelled]:
    """The conversations of DKTC, which have a line for each turn."""
    for number, row in enumerate(_rows_of(path)):
        yield Labelled(
            row["conversation"].splitlines(), (_CLASSES[row["class"]],), number % len(_HALVES)
        )


def read_mentalmanip(path: Path) -> Iterator[Labelled]:
    """The dialogues of MentalManip, in which a line is `Person1: ...`. Those that are not
    manipulative have the label `none`, and `manipulative` is every other one."""
    for number, row in enumerate(_rows_of(path)):
        lines = [line.partition(":")[2] for line in row["Dialogue"].splitlines()]
        techniques = [name.strip() for name in row["Technique"].split(",") if name.strip()]
        labels = ("manipulative", *techniques) if row["Manipulative"] == "1" else ("none",)
        yield Labelled(lines, labels, number % len(_HALVES))


def _rows_of(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def label_rows(name: str, language: str, said: Iterable[Labelled]) -> list[dict[str, Any]]:
    """For each half and label, the share of conversations in which each category was found."""
    matcher = matcher_of(language)
    total: Counter[tuple[int, str]] = Counter()
    found: Counter[tuple[int, str, str]] = Counter()
    for one in said:
        categories = {category for line in one.lines for category in _found(matcher, line)}
        for label in one.labels:
            total[one.half, label] += 1
            for category in categories | ({"any"} if categories else set()):
                found[one.half, label, category] += 1
    rows = []
    for (half, label), count in sorted(total.items()):
        shares = {
            category: round(100 * number / count, 1)
            for (of_half, of_label, category), number in found.items()
            if (of_half, of_label) == (half, label)
        }
        rows.append(
            {"set": f"{name}, {_HALVES[half]}", "label": label, "conversations": count}
            | {f"{category} %": shares[category] for category in sorted(shares)}
        )
    _show_main(name, rows)
    return rows


def neutral_rows(path: Path, language: str) -> list[dict[str, Any]]:
    """For each half, the sentences of everyday talk in which anything is found."""
    matcher = matcher_of(language)
    total: Counter[int] = Counter()
    found: dict[int, Counter[str]] = {half: Counter() for half in _HALVES}
    for number, row in enumerate(_rows_of(path)):
        half = number % len(_HALVES)
        for text in row.values():
            if not any(letter.isalpha() for letter in text):
                continue
            total[half] += 1
            categories = _found(matcher, text)
            found[half].update(categories | ({"any"} if categories else set()))
    rows = [
        {
            "set": f"{path.name}, {_HALVES[half]}", "label": "everyday talk",
            "sentences": total[half], "with a finding": found[half]["any"],
            "%": round(100 * found[half]["any"] / max(total[half], 1), 2),
            "by category": dict(found[half].most_common()),
        }
        for half in _HALVES
    ]  # fmt: skip
    show(path.name, [{key: row[key] for key in list(row)[:-1]} for row in rows])
    return rows


def _found(matcher: Matcher, text: str) -> set[str]:
    return {hit.pattern.category for hit in matcher.find(text) if hit.counts}


def _show_main(name: str, rows: list[dict[str, Any]]) -> None:
    """Print the categories that are found most often."""
    show(
        name,
        [
            {key: row[key] for key in ("set", "label", "conversations")}
            | {"found": ", ".join(_most(row))}
            for row in rows
        ],
    )


def _most(row: dict[str, Any]) -> list[str]:
    shares = [(key[:-2], share) for key, share in row.items() if key.endswith(" %")]
    return [f"{name} {share}" for name, share in sorted(shares, key=lambda one: -one[1])[:4]]


if __name__ == "__main__":
    main()
