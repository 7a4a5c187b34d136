"""The time that `reelmill find` takes over thousands of transcripts.

    python -m benchmarks.search --recordings 10000 --json benchmarks/results/search.json

Transcripts of 40 segments each are written as the product writes them (Korean and English words at
random, each with its time), then: `indexing` is the first call, which reads them all; `looking` is
what a later call needs to see that nothing changed; the rest is the answer alone, the median of 21,
for a rare word, a common one, a phrase, a Korean one, and with a speaker and a time.

With `--runs 2000`, so many output folders have five transcripts each, and all are searched at once,
as `reelmill serve` does: `looking` is what each search does before.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import show, told_command, write_result
from reelmill.search.folders import FoldersIndex
from reelmill.search.index import Query, SearchIndex

_SEGMENTS, _WORDS, _REPEAT = 40, 12, 21
_COMMON = ["the", "call", "today", "please", "money", "bank", "transfer", "account", "yes"]
_KOREAN = ["오늘", "내일", "통화", "은행", "계좌번호", "돈을", "보내", "주세요", "알겠습니다"]
QUERIES = {
    "a rare word": Query("rare77"),
    "a common word": Query("money"),
    "a phrase": Query('"transfer account"'),
    "Korean, inside words": Query("계좌"),
    "a speaker and a time": Query("money", speaker="B", start=60.0, end=120.0),
    "nothing": Query("absent"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="searching thousands of transcripts")
    parser.add_argument("--recordings", type=int, default=10_000)
    parser.add_argument("--runs", type=int, help="search so many output folders at once")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        os.environ["REELMILL_CACHE"] = str(Path(work) / "cache")
        out = Path(work) / "out"
        if options.runs:
            rows = timed_runs(out, options.runs)
        else:
            write_transcripts(out, options.recordings)
            rows = timed(out)
    show(f"finding in {options.runs or options.recordings:,}", rows)
    write_result(options.json, {"command": told_command("benchmarks.search"), "rows": rows})


def timed_runs(out: Path, count: int) -> list[dict[str, Any]]:
    """As `timed`, for many folders."""
    out.mkdir()
    folders = {f"run{number}": out / f"run{number}" for number in range(count)}
    for number, folder in enumerate(folders.values()):
        write_transcripts(folder, 5, seed=number)

    def looked() -> FoldersIndex:
        index = FoldersIndex(out)
        index.update(folders)
        return index

    began = time.perf_counter()
    looked().close()
    rows = [{"what": "indexing", "s": time.perf_counter() - began}]
    rows.append({"what": "looking", "s": _median(lambda: looked().close())})
    with contextlib.closing(looked()) as index:
        for what, query in QUERIES.items():
            hits = len(index.search(query))
            rows.append({"what": what, "hits": hits, "s": _median(partial(index.search, query))})
    return rows


def _median(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_REPEAT):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def write_transcripts(out: Path, count: int, seed: int = 18) -> None:
    """Transcripts of calls, the same for the same count."""
    choice = random.Random(seed)
    out.mkdir()
    for number in range(count):
        segments = [_segment(choice, number, at) for at in range(_SEGMENTS)]
        content = {
            "schema": "reelmill.transcript/1",
            "source": {"name": f"call {number}.wav", "sha256": f"{number:064x}"},
            "segments": segments,
        }
        text = json.dumps(content, ensure_ascii=False)
        (out / f"call {number}.json").write_text(text, encoding="utf-8")


def words_of(choice: random.Random, number: int, at: int) -> list[str]:
    """The words of segment `at` of a transcript."""
    words = choice.choices(_COMMON if at % 2 else _KOREAN, k=_WORDS)
    if at == 7:
        words[3] = f"rare{number}"
    return words


def _segment(choice: random.Random, number: int, at: int) -> dict[str, Any]:
    words = words_of(choice, number, at)
    start = at * 5.0
    timed = [
        {"word": word, "start": start + 0.4 * place, "end": start + 0.4 * place + 0.3}
        for place, word in enumerate(words)
    ]
    speaker = "AB"[at // 2 % 2]
    text = " ".join(words)
    return {"start": start, "end": start + 4.8, "text": text, "speaker": speaker, "words": timed}


def timed(out: Path) -> list[dict[str, Any]]:
    rows = []
    with contextlib.closing(SearchIndex(out)) as index:
        for name in ("indexing", "looking"):
            began = time.perf_counter()
            index.update()
            rows.append({"what": name, "ms": 1000 * (time.perf_counter() - began), "lines": None})
        for name, query in QUERIES.items():
            times = []
            for _ in range(_REPEAT):
                began = time.perf_counter()
                hits = index.search(query)
                times.append(1000 * (time.perf_counter() - began))
            rows.append({"what": name, "ms": statistics.median(times), "lines": len(hits)})
    return rows


if __name__ == "__main__":
    main()
