"""The page for people."""

# proves: G15 (page), G8 (every failure with its cause)

from __future__ import annotations

import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

from reelmill.engine.telemetry.metrics import FileOutcome
from reelmill.errors import Failure
from reelmill.pages.report import render_page, write_page
from reelmill.report.files import REPORT_PAGE
from tests.browser import looked_at
from tests.report.samples import empty_run, large_run, real_run, write_texts

_VOID = {"meta", "input", "link", "br"}


class Page(HTMLParser):
    """Text, links, and whatever would be fetched from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self.links.append(values["href"] or "")
        self.loads += [value or "" for name, value in attrs if name == "src"]
        self.loads += [tag] if tag == "link" else []

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_report_has_what_a_reader_looks_for(tmp_path: Path):
    write_texts(tmp_path)
    page = Page(write_page(tmp_path, real_run()).read_text(encoding="utf-8"))
    for words in (
        "6 of 7 recordings done, 1 failed",
        "04:31",
        "18.9 ×",
        "81 % GPU",
        "깨진 파일.m4a",
        "ends in the middle of its index",
        "What to do:",
        "여보세요, 김민수입니다.",
        "meeting & notes <draft>.wav",
        "Recognizing speech",
        "91 %",
        "mean 4.0 GB, most 6.0 GB, of 32.0 GB",
        "Every original that was hashed before and after the run is unchanged",
        "batch size 20 -> 10",
    ):
        assert words in page.text, words


def test_links_distinguish_results_and_boxes_are_not_shown_as_text(tmp_path: Path):
    run = empty_run()
    outputs = ["a/talk 1.faces.html", "a/talk 1.mot.txt", "a/talk 1.clips/person A.mp4"]
    done = FileOutcome("/v/a/talk 1.mp4", "a/talk 1", "done", 9.0, 1.0, False, None, [], outputs)
    run.outcomes.append(done)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "talk 1.mot.txt").write_text("1,1,302.1,114.8,57.3,68.7,1,-1,-1,-1")
    text = Page(render_page(run, tmp_path)).text
    assert all(label in text for label in ("faces.html", "mot.txt", "person A"))
    assert "302.1" not in text


def test_links_lead_to_the_results(tmp_path: Path):
    run = real_run()
    run.outcomes[0].outputs = ["a:b/100% #?&\"'<\n\udcff.txt"]
    links = Page(render_page(run, tmp_path)).links
    paths = {os.fsdecode(unquote_to_bytes(link)) for link in links}
    assert {path for outcome in run.outcomes for path in outcome.outputs} <= paths
    for link in links:
        assert link.isascii()
        assert urlsplit(link)[:2] == ("", "")
        assert not urlsplit(link).fragment


def test_the_page_needs_no_other_files_and_no_network(tmp_path: Path):
    text = render_page(large_run(20), tmp_path)
    assert Page(text).loads == []
    assert not re.search(r"https?://|@import|url\(", text)


def test_hostile_names_and_messages_stay_text(tmp_path: Path):
    run = real_run()
    attack = "<script>alert(1)<script>\udcff\n"
    failure = Failure("decode", "input", attack)
    run.outcomes.append(FileOutcome(f"/x/{attack}", attack, "failed", None, 0.0, False, failure))
    run.warnings.append(attack)
    run.notes.append(attack)
    run.outcomes[-1].notes.append(f"{attack} of it")
    run.stopped = attack
    text = render_page(run, tmp_path)
    text.encode("utf-8")
    assert "<script>alert" not in text
    assert r"&lt;script&gt;alert(1)&lt;script&gt;\udcff\n" in text


def test_the_page_lists_what_was_unavailable(tmp_path: Path):
    # proves: G19
    run = real_run()
    lacking = "--diarizer pyannote: HF_TOKEN is not set. The default is used instead."
    whisper = "no aligner for the language 'ko' is on this machine: word times are Whisper's own"
    model = "people were told apart by their faces (vggface2)"
    run.notes = [lacking, "face detector: on the CPU, its library cannot use the GPU"]
    for outcome in run.outcomes[:-1]:
        outcome.notes = [lacking, model]
    run.outcomes[1].notes.append(whisper)
    text = Page(render_page(run, tmp_path)).text
    assert "Decisions made for this run, and what was unavailable" in text
    assert text.count(lacking) == 1 and "its library cannot use the GPU" in text
    assert text.count(model) == 1 and f"For all recordings done: {model}." in text
    _, _, after = text.partition("홍길동_250604_091500.m4a")
    assert whisper in after.partition("Done")[0]
    assert "was unavailable" not in Page(render_page(empty_run(), tmp_path)).text


def test_a_changed_original_is_never_reported_as_good(tmp_path: Path):
    run = large_run(2)
    run.outcomes[0].changed = ["sha256: a -> b"]
    page = render_page(run, tmp_path)
    assert 'h1 class="attention"' in page
    assert "Original changed" in page
    assert "Every original that was hashed before and after the run is unchanged" not in page


def test_a_stopped_run_says_how_to_continue(tmp_path: Path):
    run = real_run()
    run.stopped = "memory in use 81 %"
    text = Page(render_page(run, tmp_path)).text
    assert "Stopped early" in text
    assert "Run the same command again to continue" in text


def test_models_of_the_same_name_are_distinguished(tmp_path: Path):
    run = real_run()
    run.models = {"recognizer demo": "demo", "aligner demo": "demo"}
    assert "recognizer demo, aligner demo" in render_page(run, tmp_path)


def test_the_demo_model_is_named_as_such(tmp_path: Path):
    run = real_run()
    assert "Demo model" not in render_page(run, tmp_path)
    run.models = {"recognizer demo": "demo"}
    assert "must not be relied on" in render_page(run, tmp_path)


def test_a_run_without_recordings_has_a_page(tmp_path: Path):
    assert "No recordings were found" in render_page(empty_run(), tmp_path)


def test_the_page_of_ten_thousand_recordings_stays_small(tmp_path: Path):
    run = large_run(10_000)
    text = render_page(run, tmp_path)
    assert all(outcome.name in text for outcome in run.outcomes)
    assert len(text.encode()) < 9_000_000


def test_many_failures_and_warnings_are_limited_and_counted(tmp_path: Path):
    run = large_run(300)
    for outcome in run.outcomes:
        outcome.status, outcome.failure = "failed", Failure("decode", "input", "broken")
    run.warnings = [f"warning {i}" for i in range(60)]
    run.notes = [f"note {i}" for i in range(57)]
    text = Page(render_page(run, tmp_path)).text
    assert "And 100 more failures" in text
    assert "60 warnings" in text
    assert "and 10 more" in text
    assert "note 49 and 7 more" in text


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize("width", [1280, 500])
def test_the_page_fits_the_window(tmp_path: Path, width: int):
    """The page never scrolls sideways, and its script finds recordings."""
    write_page(tmp_path, large_run(20))
    page = tmp_path / REPORT_PAGE
    probe = (
        "<script>const field = document.getElementById('find'); field.value = '000007';"
        "field.dispatchEvent(new Event('input'));"
        "setTimeout(() => { document.title = 'overflow ' + Math.max(0,"
        "document.documentElement.scrollWidth - innerWidth) + ' '"
        "+ document.getElementById('found').textContent; }, 400);</script>"
    )
    page.write_text(page.read_text(encoding="utf-8") + probe, encoding="utf-8")
    shown, _ = looked_at(
        tmp_path,
        "--virtual-time-budget=2000",
        f"--window-size={width},900",
        "--dump-dom",
        page.as_uri(),
    )
    assert "<title>overflow 0 1 of 20</title>" in shown
