"""The index page as a browser shows it from the disk."""

# proves: V13, G15

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reelmill.artifacts import ReviewLine
from reelmill.pages.index import (
    INDEX_FILES,
    IndexFacts,
    IndexRow,
    lines_script,
    render_index,
)
from reelmill.pages.language import wording_in
from tests.pages.chrome import Chrome, chrome, needs_chromium

__all__ = ["chrome"]
pytestmark = needs_chromium
HOSTILE = "</script><img src=x onerror=alert(1)>\u202e'\""
SENTENCES = ("나한테 삼백만 원을 보내세요.", "It is about the therapist.", "でんわをください。")


def row(number: int) -> IndexRow:
    """Every tenth failed, every seventh has findings; in three languages."""
    name = f"6월/통화 {number:05d}"
    failed = number % 10 == 9
    return IndexRow(
        "subtitle" if number % 4 == 3 else "voice",
        name,
        f"통화 {number:05d}.m4a",
        "failed" if failed else "ok",
        "" if failed else f"{name}.html",
        None if failed else 60.0 + number,
        "" if failed else ("ko", "en", "ja")[number % 3],
        f"truncated: {HOSTILE}" if failed else "",
        ["김", "Lee"],
        {"threat": number} if number % 7 == 3 else {},
        outputs=[] if failed else [f"{name}.html", f"{name}.srt", f"{name}.ko.srt"],
    )


def written(folder: Path, rows: Sequence[IndexRow], *, lines: int = 3, in_file: int = 100) -> Path:
    """The page, with the lines of all that did not fail."""
    groups = [rows[at : at + in_file] for at in range(0, len(rows), in_file)]
    names = [f"lines-{at:04d}.js" for at in range(len(groups))]
    (folder / INDEX_FILES).mkdir()
    for at, (name, group) in enumerate(zip(names, groups, strict=True)):
        said = [
            (
                one.id,
                [
                    ReviewLine(4.0 * n, f"{SENTENCES[n % 3]} {one.file[3:8]}", one.speakers[n % 2])
                    for n in range(lines)
                ],
            )
            for one in group
            if one.state != "failed"
        ]
        (folder / INDEX_FILES / name).write_text(lines_script(at, said), encoding="utf-8")
    facts = IndexFacts("통화 </b>", names, [("Report", "report.html")])
    page = folder / "index.html"
    page.write_text(render_index(rows, facts, wording_in("en")), encoding="utf-8")
    return page


USE = """
const seen = {}, names = () => all("#recordings tbody b").map(name => name.textContent.slice(3, 8));
const set = async (id, value) => {
  one("#" + id).value = value; one("#" + id).dispatchEvent(new Event("change")); await pause(100);
};
const look = async text => {
  const told = one("#told");
  told.textContent = "";
  type(one("#find"), text);
  await until(() => text ? /^(Lines|Nothing)/.test(told.textContent) : one("#lines").hidden);
  return told.textContent;
};
seen.first = names().slice(0, 2); seen.count = names().length;
await set("status", "failed"); seen.failed = [names().length, one("#shown").textContent];
seen.problem = one("td.failed small").textContent;
await set("status", ""); await set("language", "ja"); await set("label", "threat");
seen.both = names();
await set("language", ""); await set("label", "");
one("[data-column=findings] button").click(); seen.most = names()[0];
one("[data-column=length] button").click(); seen.longest = names()[0];
one("[data-column=length] button").click(); seen.order = one("[data-column=length]").ariaSort;
seen.korean = await look("백만"); seen.apart = await look("삼백만원");
seen.japanese = await look("わをく");
seen.inside = await look("rapist"); seen.phrase = await look('"the therapist" 00012');
seen.href = decodeURIComponent(one("#hits a").getAttribute("href"));
seen.quote = one("#hits span").textContent; seen.rows = names();
one("#told").textContent = ""; await set("kind", "subtitle");
await until(() => one("#told").textContent); seen.kind = one("#told").textContent;
await set("kind", ""); await look(""); await until(() => names().length === 80);
seen.back = names().length; seen.closed = one("#lines").hidden;
const where = (field, text) => { one("#told").textContent = ""; type(one("#" + field), text); };
const told = async () => {
  await until(() => one("#told").textContent);
  return one("#told").textContent;
};
await look("therapist"); where("speaker", "LEE"); seen.lee = await told();
where("speaker", "김"); seen.kim = await told();
where("speaker", ""); await told(); where("recording", "00012"); seen.one = await told();
where("recording", ""); await told(); where("from", "0:05"); seen.late = await told();
where("from", "0:03"); where("to", "3.5"); seen.going_on = await told();
where("to", "half"); await told(); seen.wrong = one("#to").ariaInvalid;
type(one("#to"), ""); type(one("#from"), ""); await look("");
type(one("#speaker"), "nobody"); await until(() => !names().length);
type(one("#speaker"), ""); await until(() => names().length);
seen.overflow = overflow();
seen.links = all("#recordings tr[data-id$='00001'] .l a").map(link => link.textContent);
return seen;
"""


def test_two_hundred_recordings_are_sorted_filtered_and_searched(
    chrome: Chrome, tmp_path: Path
) -> None:
    page = written(tmp_path, [row(n) for n in range(200)])
    opened = chrome.open(page)
    assert opened.cpu_seconds() < 2.0, "until 200 recordings are there"
    seen = opened.use(USE)
    opened.close()
    assert (seen["first"], seen["count"]) == (["00000", "00001"], 80)
    assert seen["failed"] == [20, "20 of 200"]
    assert seen["problem"] == "truncated: </script><img src=x onerror=alert(1)>\\u202e'\""
    assert seen["both"] == [
        f"{n:05d}" for n in range(200) if n % 3 == 2 and n % 7 == 3 and n % 10 != 9
    ]
    assert (seen["most"], seen["longest"], seen["order"]) == ("00199", "00198", "ascending")
    assert seen["korean"] == seen["apart"] == "Lines: 180, recordings: 180"
    assert seen["japanese"] == "Lines: 180, recordings: 180"
    assert (seen["inside"], seen["phrase"]) == ("Nothing found.", "Lines: 1, recordings: 1")
    assert seen["href"] == '6월/통화 00012.html#t=4&q="the therapist" 00012'
    assert seen["quote"] == "Lee: It is about the therapist. 00012" and seen["rows"] == ["00012"]
    assert seen["kind"] == "Nothing found." and seen["back"] == 80 and seen["closed"]
    lines = "Lines: 180, recordings: 180"
    assert (seen["lee"], seen["kim"]) == (lines, "Nothing found.")
    assert seen["one"] == "Lines: 1, recordings: 1"
    assert (seen["late"], seen["going_on"]) == (lines, "Nothing found.")
    assert seen["wrong"] == "true"
    assert seen["overflow"] == 0 and seen["links"] == ["srt", "ko.srt"]


LOOK = """
const look = async text => {
  const told = () => one("#told").textContent;
  one("#told").textContent = "";
  type(one("#find"), text);
  await until(() => /^(Lines|Nothing)/.test(told()));
  return told();
};
"""


def test_the_index_of_ten_thousand_recordings_stays_usable(chrome: Chrome, tmp_path: Path) -> None:
    began = time.process_time()
    page = written(tmp_path, [row(n) for n in range(10_000)], lines=9)
    assert time.process_time() - began < 8
    opened = chrome.open(page)

    def timed(script: str) -> tuple[float, Any]:
        """The page's CPU seconds for a script, and what it returns."""
        before = opened.cpu_seconds()
        answer = opened.use(f"{LOOK}{script}")
        return opened.cpu_seconds() - before, answer

    def look(*texts: str) -> tuple[float, str]:
        """The CPU seconds of a search, at best of several, and what the last one told."""
        found = [timed(f"return look({text!r});") for text in texts]
        return min(seconds for seconds, _ in found), found[-1][1]

    assert opened.cpu_seconds() < 4.0
    drawn = opened.use("""return all("#recordings tbody tr").length;""")
    sorted_in, more = timed("""
      one("[data-column=length] button").click();
      one("#rest").click();
      return all("#recordings tbody tr").length;""")
    assert 80 <= drawn <= 400 and more <= 500, "rows are drawn as they are needed"
    assert sorted_in < 0.5
    seconds, told = look("therapist")
    assert told == "Lines: 27,000, recordings: 9,000" and seconds < 15
    seconds, told = look("therapist 01234")
    assert told.startswith("Lines: 3,") and seconds < 2.5
    opened.use("""await until(() => one("#told").dataset.ready);""")
    many, _ = look("therapist", "나한테", "ask", "보내")
    few, _ = look("therapist 01235", "therapist 01238", '"the therapist 01240"')
    assert many < 0.4 and few < 0.25, (many, few)
    _, told = timed("""type(one("#speaker"), "lee"); return look("보내세요");""")
    assert told == "Lines: 9,000, recordings: 9,000"
    _, told = timed("""type(one("#from"), "0:20"); return look("therapist");""")
    assert told == "Lines: 9,000, recordings: 9,000"
    opened.close()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_index_works_on_a_narrow_screen_and_without_its_files(
    chrome: Chrome, tmp_path: Path, language: str
) -> None:
    facts = IndexFacts("out", custody="a1" * 32)
    page = tmp_path / "index.html"
    page.write_text(render_index([row(0), row(9)], facts, wording_in(language)), encoding="utf-8")
    opened = chrome.open(page, (400, 800))
    seen = opened.use("""type(one("#find"), "삼백"); await pause(300);
        return [one("#lines").hidden, all("#recordings tbody tr").length, overflow(),
            document.documentElement.lang];""")
    opened.close()
    assert seen == [True, 0, 0, language]
