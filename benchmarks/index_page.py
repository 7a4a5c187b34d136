"""The time that the index page takes over thousands of transcripts, in headless Chromium.

    python -m benchmarks.index_page --recordings 10000 --json benchmarks/results/index_page.json

`listed` is when the page has loaded; `at once` is a search begun at that moment, with the time of
its first hits; `ready` is when all files have been read, while nobody waited. The rest are answers
after that, the median of 7, from the key to the last line counted. They include the 20 ms after
which typing counts as done. `drawn` is when the table below the hits is on the screen as well.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import show, told_command, write_result
from benchmarks.search import words_of
from reelmill.artifacts import ReviewLine
from reelmill.pages.index import INDEX_FILES, IndexFacts, IndexRow, lines_script, render_index
from reelmill.pages.language import wording_in
from tests.pages.chrome import Chrome, Page

_IN_FILE, _REPEAT = 100, 7
QUERIES = {
    "a rare word": "rare77",
    "a common word": "money",
    "two words": "money bank",
    "a phrase": '"transfer account"',
    "Korean, inside words": "계좌",
    "nothing": "absent",
}
_LOOK = """
const look = async text => {
  const told = one("#told");
  const drawn = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  type(one("#find"), ""); await pause(150);
  told.textContent = "";
  const began = performance.now(), took = () => Math.round(performance.now() - began);
  const seen = {};
  new MutationObserver(() => seen.first ??= took()).observe(one("#hits"), { childList: true });
  type(one("#find"), text);
  await new Promise(done => new MutationObserver(() => {
    if (/^(Lines|Nothing)/.test(told.textContent)) done();
  }).observe(told, { childList: true, characterData: true, subtree: true }));
  seen.answer = took(); seen.said = told.textContent;
  await drawn(); seen.drawn = took();
  return seen;
};
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="searching thousands of transcripts in the page")
    parser.add_argument("--recordings", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        page = write_index(Path(work), options.recordings)
        chrome = Chrome(Path(work) / "profile")
        try:
            rows = list(timed(chrome.open(page)))
        finally:
            chrome.close()
    show(f"the index page of {options.recordings:,} transcripts", rows)
    write_result(options.json, {"command": told_command("benchmarks.index_page"), "rows": rows})


def write_index(out: Path, count: int) -> Path:
    """The page of that many calls, with lines of the words that `benchmarks.search` looks in."""
    choice = random.Random(18)
    rows = [
        IndexRow("voice", f"call {n:05d}", f"call {n:05d}.m4a", "ok", f"call {n:05d}.html", 160.0,
                 "en", speakers=["A", "B"])
        for n in range(count)
    ]  # fmt: skip
    (out / INDEX_FILES).mkdir()
    names = []
    for at in range(0, count, _IN_FILE):
        names.append(f"lines-{at // _IN_FILE:04d}.js")
        said = [
            (row.id, [ReviewLine(4.0 * n, " ".join(words_of(choice, at + place, n)), "AB"[n % 2])
                      for n in range(40)])
            for place, row in enumerate(rows[at : at + _IN_FILE])
        ]  # fmt: skip
        (out / INDEX_FILES / names[-1]).write_text(lines_script(at // _IN_FILE, said), "utf-8")
    page = out / "index.html"
    page.write_text(render_index(rows, IndexFacts("calls", names), wording_in("en")), "utf-8")
    return page


def timed(page: Page) -> Iterator[dict[str, Any]]:
    """What was measured, in milliseconds."""
    yield {"what": "listed", "answer": round(1000 * page.loaded)}
    yield {"what": "at once", **page.use(_LOOK + 'return look("money");')}
    ready = 'await until(() => one("#told").dataset.ready); return Math.round(performance.now());'
    yield {"what": "ready", "answer": page.use(ready)}
    for what, text in QUERIES.items():
        seen = [page.use(_LOOK + f"return look({text!r});") for _ in range(_REPEAT)]
        found = {name: statistics.median(one[name] for one in seen) for name in ("answer", "drawn")}
        yield {"what": what, **found, "said": seen[0]["said"]}


if __name__ == "__main__":
    main()
