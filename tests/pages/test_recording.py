"""The page of a recording as a browser shows it from the disk."""

# proves: V7, V13

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reelmill.artifacts import Segment
from reelmill.pages.language import wording_in
from reelmill.pages.recording import Playable, RecordingPage, Review
from tests.pages.chrome import Chrome, chrome, needs_chromium
from tests.pages.reviews import forensic, review, said, transcript_of

__all__ = ["chrome"]
pytestmark = needs_chromium
#: Breaks out of scripts, lines and attributes, and turns the direction of what follows.
HOSTILE = "</script><img src=x onerror=alert(1)>\u2028'\"\u202egnp.wav"


def written(folder: Path, shown: Review, language: str = "en", name: str = "call") -> Path:
    page = folder / f"{name}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    html = RecordingPage(name, wording_in(language)).render(shown)
    page.write_text(html, encoding="utf-8")
    return page


def using(
    chrome: Chrome, page: Path, script: str, size: tuple[int, int] = (1200, 800), fragment: str = ""
) -> Any:
    opened = chrome.open(page, size, fragment)
    try:
        return opened.use(script)
    finally:
        opened.close()


USE = """
const player = one("#player"), seen = {};
await until(() => player.readyState >= 1);
const at = () => Number(player.currentTime.toFixed(2));
const word = all("[data-t]").find(span => span.textContent === "김민수입니다");
word.click(); seen.click = at(); await until(() => one(".now"));
seen.marked = one(".now").textContent;
one(".seg:nth-child(2) .at").click(); seen.stamp = at();
press("KeyD"); seen.doubt = at(); press("KeyD", { shiftKey: true }); seen.doubtBefore = at();
press("KeyL"); seen.forward = at(); press("KeyJ"); seen.back = at();
press("KeyF"); seen.finding = at(); press("KeyF"); seen.findingNext = at();
seen.foundHere = one("#found .here b").textContent;
one("#labels [data-label=shout]").click();
seen.labels = all("#found li").map(item => item.hidden);
const marks = one(".marks");
seen.marks = [...marks.children].filter(mark => mark.style.display !== "none").length;
const box = one(".wave").getBoundingClientRect();
one("#timeline").dispatchEvent(new MouseEvent("click",
  { bubbles: true, clientX: box.left + box.width / 4, clientY: box.top + 5 }));
seen.timeline = at();
press("Space"); await until(() => !player.paused); await until(() => at() > 2.6);
press("Space"); seen.played = player.paused && at() > 2.6;
seen.slider = one("#timeline").getAttribute("aria-valuetext");
seen.waves = one(".wave path").getAttribute("d").length > 1000;
seen.lanes = all(".lane").map(lane => lane.children.length);
seen.overflow = overflow(); seen.cannot = one("#cannot").hidden;
return seen;
"""


def test_keys_clicks_and_lanes_move_the_player(chrome: Chrome, tmp_path: Path) -> None:
    seen = using(chrome, written(tmp_path, review(tmp_path)), USE)
    assert (seen["click"], seen["marked"], seen["stamp"]) == (1.0, "김민수입니다", 3.0)
    assert (seen["doubt"], seen["doubtBefore"]) == (4.5, 1.0)
    assert (seen["forward"], seen["back"]) == (3.0, 1.0)
    assert (seen["finding"], seen["findingNext"], seen["foundHere"]) == (4.0, 7.0, "shout")
    assert seen["labels"] == [True, False, True] and seen["marks"] == 1
    assert seen["timeline"] == pytest.approx(2.5, abs=0.02) and seen["played"]
    assert seen["slider"].startswith("00:0") and seen["waves"] and seen["lanes"] == [2, 1]
    assert seen["overflow"] == 0 and seen["cannot"]


SEARCH = """
await until(() => one("#player").readyState >= 1);
const seen = {}, hits = () => all(".hit").map(span => span.textContent);
const look = async text => {
  one("#hits").textContent = "";
  type(one("#find"), text);
  await until(() => one("#hits").textContent);
  return hits();
};
seen.arrived = [hits(), one("#player").currentTime];
seen.inside = await look("민수"); seen.apart = await look("삼백만원");
seen.whole = await look("rap"); seen.begun = await look("THE");
seen.phrase = await look('"about the"');
seen.two = await look("he again"); seen.none = await look("없다");
seen.told = one("#hits").textContent;
return seen;
"""


def test_search_finds_korean_inside_words_and_latin_from_their_beginning(
    chrome: Chrome, tmp_path: Path
) -> None:
    page = written(tmp_path, review(tmp_path))
    seen = using(chrome, page, SEARCH, fragment="#t=7&q=%EC%9B%90")
    assert seen["arrived"] == [["원"], 8.0], "the second of the word itself"
    assert seen["inside"] == ["김민수입니다"] and seen["apart"] == ["삼백만", "원"]
    assert seen["whole"] == [] and seen["begun"] == ["the", "therapist"]
    assert seen["phrase"] == ["about", "the"] and seen["two"] == ["He", "again."]
    assert (seen["none"], seen["told"]) == ([], "nothing found")


def test_markup_in_names_and_texts_stays_text(chrome: Chrome, tmp_path: Path) -> None:
    shown = review(tmp_path, HOSTILE)
    text = f"{HOSTILE} 네"
    segments = [Segment(1, 2, text, -0.1, 0, 1, 0, speaker=HOSTILE)]
    shown = replace(shown, transcript=transcript_of(segments, 10), notes=(HOSTILE,))
    seen = using(
        chrome,
        written(tmp_path, shown, "ko", "it's <b> #1?/통화"),
        """return [one("h1").textContent, one(".seg p").textContent,
            one(".lane + .name, .name + .lane") !== null,
            all("img").length,
            one("#timeline .name:nth-of-type(2)").textContent,
            decodeURIComponent(one(".back a").getAttribute("href"))];""",
    )
    name = HOSTILE.replace("\u2028", "\\u2028").replace("\u202e", "\\u202e")
    assert seen == [name, f"{name} 네", True, 0, name, "../index.html"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_sound_that_no_browser_plays_is_reported_and_can_be_opened(
    chrome: Chrome, tmp_path: Path, language: str
) -> None:
    (tmp_path / "call.amr").write_bytes(b"#!AMR\n" + bytes(100))
    shown = replace(review(tmp_path), playable=Playable("audio", "call.amr"))
    seen = using(
        chrome,
        written(tmp_path, shown, language),
        """await until(() => !one("#cannot").hidden);
        all("[data-t]")[2].click();
        return [one("#cannot span").textContent, one("#now").textContent,
            one(".now").textContent, overflow()];""",
        size=(420, 800),
    )
    said_words = wording_in(language)("review.cannot_play", name="통화.wav")
    assert seen == [said_words, "00:01", "반갑습니다.", 0]


def test_a_listening_copy_plays_if_the_original_cannot(chrome: Chrome, tmp_path: Path) -> None:
    (tmp_path / "film.avi").write_bytes(b"RIFF" + bytes(100))
    shown = replace(review(tmp_path), playable=Playable("video", "film.avi", "call.wav"))
    seen = using(
        chrome,
        written(tmp_path, shown),
        """all("[data-t]")[0].click();
        await until(() => one("#player").readyState >= 1);
        return [one("#player").getAttribute("src"), one("#player").currentTime,
            one("#cannot").hidden];""",
    )
    assert seen == ["call.wav", 0.5, True]


def test_a_page_of_three_hours_scrolls_smoothly(chrome: Chrome, tmp_path: Path) -> None:
    """3,600 segments, 36,000 words: the page follows a jump to the end at once."""
    sentence = "it was about ten past three when she called me"
    segments = [said(3.0 * n, sentence, "AB"[n % 2], low=(n % 10,)) for n in range(3600)]
    for segment in segments:
        for number, word in enumerate(segment.words):
            word.start = segment.start + 0.28 * number
    transcript = transcript_of(segments, 10800.0, "en")
    shown = replace(review(tmp_path), transcript=transcript, turns=(), playable=Playable())
    began = time.process_time()
    page = written(tmp_path, shown)
    assert time.process_time() - began < 1.5, "seconds of CPU to write the page"
    assert page.stat().st_size < 3_000_000
    opened = chrome.open(page)
    opened.use("""await until(() => document.readyState === "complete");""")
    loaded = opened.cpu_seconds()
    seen = opened.use("""
        all(".seg")[3599].querySelector("[data-t]").click();
        press("KeyD", { shiftKey: true });
        const box = one(".seg.here").getBoundingClientRect();
        return { top: box.top, now: one("#now").textContent };""")
    jumped = opened.cpu_seconds()
    shown_at_once = opened.use("""
        for (let n = 1; n <= 40; n++) {
          scrollTo(0, document.documentElement.scrollHeight * n / 40);
          document.body.getBoundingClientRect();
        }
        const laid = item => item.lastElementChild.checkVisibility({ contentVisibilityAuto: true });
        return all(".seg").filter(laid).length;""")
    scrolled = opened.cpu_seconds()
    opened.close()
    assert loaded < 4.0 and jumped - loaded < 1.5, (loaded, jumped)
    assert scrolled - jumped < 40 * 0.05, "a look takes no longer than people notice"
    assert shown_at_once < 400, "what is far away is not laid out"
    assert 0 < seen["top"] < 800 and seen["now"] == "2:59:56"


@pytest.mark.parametrize(
    ("name", "path", "href"),
    [
        ("a", "../calls/a.m4a", "../calls/a.m4a"),
        ("6월/a", "../../b c#.m4a", "../../../b%20c%23.m4a"),
        ("x/y/a", "x/y/a.listen.m4a", "a.listen.m4a"),
        ("x/a", "xa/a.m4a", "../xa/a.m4a"),
    ],
)
def test_the_sound_is_found_from_where_the_page_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, path: str, href: str
) -> None:
    monkeypatch.chdir("/")  # as a worker process may be
    shown = replace(review(tmp_path), playable=Playable("audio", path))
    assert f'"sources":[{{"href":"{href}"}}]' in RecordingPage(name, wording_in("en")).render(shown)


def test_a_forensic_run_adds_curves_matches_and_scores(chrome: Chrome, tmp_path: Path) -> None:
    shown = forensic(review(tmp_path))
    seen = using(
        chrome,
        written(tmp_path, shown),
        """await until(() => one("#player").readyState >= 1);
        const seen = {}, at = () => Number(one("#player").currentTime.toFixed(2));
        seen.curves = all(".curve").map(row => row.querySelectorAll("path").length);
        seen.episodes = all(".curve").map(row => [...row.querySelectorAll("rect")].map(mark =>
          Number(mark.getAttribute("x"))));
        seen.names = all("#timeline .name").map(name => name.textContent);
        seen.found = all("#found li").map(item => [item.querySelector("b").textContent,
          item.classList.contains("off"), item.querySelector("q")?.textContent || ""]);
        seen.scores = all(".scores summary").map(line => line.textContent);
        const part = one(".scores .at"); part.closest("details").open = true;
        part.click(); seen.at = at();
        seen.part = part.closest("li").textContent.replace(/\\s+/g, " ");
        seen.why = all(".scores details p").map(line => line.textContent);
        const measures = all("[aria-label='Acoustic measures'] tbody tr");
        seen.measures = measures.map(row => row.textContent);
        return seen;""",
    )
    assert seen["names"] == ["Sound", "김", "Lee <b>&", "Findings", "Loudness", "Pitch"]
    assert seen["curves"] == [1, 2] and seen["episodes"] == [[7.0], []]
    assert ["threat", False, "“보내지 않으면 알지?”"] in seen["found"]
    assert ["threat", True, "“죽인다고 했어”"] in seen["found"], "not counted, and shown paler"
    assert [one for one in seen["found"] if one[0] == "threat"] == [
        ["threat", True, "“죽인다고 했어”"],
        ["threat", False, "“보내지 않으면 알지?”"],
    ], "each once, in order of time"
    assert seen["scores"] == ["Overall 12", "threat 40", "insult –"] and seen["at"] == 7.0
    assert "ko/threat/or-else: 14.0 of 20 points" in seen["part"]
    assert "counts less because of word probability (70 %): × 0.70" in seen["part"]
    assert "no score: too little speech" in seen["why"]
    assert any("Pitch (F0), median" in line and "210 Hz" in line for line in seen["measures"])
