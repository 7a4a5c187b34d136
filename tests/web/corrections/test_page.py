"""Correcting in the browser, with the sound and by the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.commands.correct import Wanted, run_correct
from tests.pages.chrome import Chrome, Page, chrome, needs_chromium
from tests.web.corrections.kit import Review, copied, reviewing
from tests.web.serving import TOKEN

# proves: V7 W1

pytestmark = needs_chromium
__all__ = ["chrome"]

#: What scripts here use: the text of a segment, typing over what is written, and waiting for it.
HELPERS = """
const text = n => { const copy = one(`#transcript .seg:nth-child(${n}) > p`).cloneNode(true);
  copy.querySelectorAll("del").forEach(gone => gone.remove());
  return copy.textContent.replace(/\\s+/g, " ").trim(); };
const who = n => { let at = one(`#transcript .seg:nth-child(${n})`);
  while (!at.querySelector(".who")) at = at.previousElementSibling;
  return at.querySelector(".who").textContent; };
const key = (name, more) => (one("[contenteditable]") ?? document.body).dispatchEvent(
  new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more }));
const write = words => { one("[contenteditable]").textContent = words; };
const word = (n, at) => one(`#transcript .seg:nth-child(${n})`).querySelectorAll("[data-t]")[at];
const settled = () => until(() => one("#saved").textContent.startsWith("Saved"));
const undone = async () => {
  one("#saved").textContent = ""; press("KeyZ", { ctrlKey: true }); await settled(); };
"""


@pytest.fixture(scope="module")
def review(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Review]:
    folder = tmp_path_factory.mktemp("served")
    with reviewing(folder, copied(finished, folder)) as running:
        yield running


@pytest.fixture
def page(chrome: Chrome, review: Review) -> Iterator[Page]:
    opened = chrome.open(f"{review.server.address}/?token={TOKEN}", (1280, 900))
    opened.go(f"{review.server.address}{review.path}")
    try:
        yield opened
    finally:
        opened.close()


def use(page: Page, script: str) -> object:
    return page.use(HELPERS + script)


def test_words_and_speakers_are_corrected_by_keyboard_and_taken_back(
    page: Page, review: Review
) -> None:
    before = use(page, "return [text(1), text(2), who(1)]")
    assert isinstance(before, list)
    exported = review.out / "a b" / "voice#mail.srt"
    found = use(
        page,
        """
        one("#correct").click();
        await until(() => one("#history"));
        word(1, 3).click();
        press("KeyE");
        const shown = one("[contenteditable]").textContent;
        write(text(1).replace("four", "ninety"));
        const at = one("#player").currentTime;
        key("Tab"); await until(() => !one("#player").paused);
        key("Tab", { shiftKey: true }); key("Tab"); await until(() => one("#player").paused);
        key("Enter"); await settled();
        return [shown, text(1), one("#history .what").textContent, one("#machine") !== null,
          one("[contenteditable]") === null];
        """,
    )
    ninety = before[0].replace("four", "ninety")
    assert found == [before[0], ninety, "00:01 “four” → “ninety”", True, True]
    assert "ninety" in exported.read_text()
    found = use(
        page,
        """
        one("#machine").click();
        const machine = one("#transcript del").textContent;
        word(1, 0).click(); press("KeyS");
        one("dialog [name=other]").value = "Emma";
        one("dialog [name=other]").dispatchEvent(new Event("input"));
        one("dialog [value=segment]").checked = true;
        one("#saved").textContent = "";
        one("dialog .main").click(); await settled();
        return [machine, who(1), who(2), all("#timeline .name").map(name => name.textContent)];
        """,
    )
    assert found == ["four", "Emma", before[2], ["Sound", "Emma", before[2]]]
    assert "[Emma]: Emma called" in exported.read_text()
    found = use(
        page,
        """
        await undone(); await undone();
        return [text(1), who(1), all("#history li").length, one("#undo").hidden, one("#machine")];
        """,
    )
    assert found == [before[0], before[2], 1, True, None]
    assert "ninety" not in exported.read_text()


def test_segments_are_split_at_the_marked_word_and_joined(page: Page) -> None:
    found = use(
        page,
        """
        const whole = text(1), count = all("#transcript .seg").length;
        one("#correct").click(); await until(() => one("#history"));
        word(1, 0).click(); press("KeyX");
        const told = one("#notice").textContent;
        word(1, 2).click(); press("KeyX"); await settled();
        const parts = [text(1), text(2)], more = all("#transcript .seg").length - count;
        word(2, 0).click(); one("#saved").textContent = ""; press("KeyM"); await settled();
        return [whole === parts.join(" "), more, text(1) === whole, told];
        """,
    )
    assert isinstance(found, list)
    assert found[:3] == [True, 1, True] and "cannot be the first" in found[3]


def test_the_second_of_two_people_is_told_and_keeps_what_was_written(
    page: Page, review: Review
) -> None:
    before = use(page, "return [text(1), text(2)]")
    assert isinstance(before, list)
    use(
        page,
        """
        one("#correct").click(); await until(() => one("#history"));
        word(2, 0).click(); press("KeyE"); write("What I wrote.");
        """,
    )
    edit = {"kind": "words", "start": 0.0, "end": 3.0, "was": before[0], "now": "By Kim."}
    assert review.correct("Kim", edit).status == 200
    told = use(
        page,
        """
        await until(() => !one("#notice").hidden);
        return [one("#notice").textContent, text(1), one("[contenteditable]").textContent];
        """,
    )
    assert isinstance(told, list)
    assert "Kim changed the text meanwhile" in told[0] and "still here" in told[0]
    assert told[1:] == ["By Kim.", "What I wrote."]
    found = use(page, 'key("Enter"); await settled(); return [text(1), text(2)]')
    assert found == ["By Kim.", "What I wrote."]
    # Both write the same segment: what the first one wrote is shown, and kept in the list.
    use(page, 'word(2, 0).click(); press("KeyE"); write("Mine.");')
    start = use(page, "return Number(one('#transcript .seg:nth-child(2)').dataset.s)")
    edit = {"kind": "words", "start": start, "end": 8.0, "was": "What I wrote.", "now": "Theirs."}
    assert review.correct("Lee", edit).status == 200
    found = use(
        page,
        """
        await until(() => one(".theirs"));
        const kept = [one("[contenteditable]").textContent, one(".theirs").textContent];
        one("#saved").textContent = ""; key("Enter"); await settled();
        return [...kept, text(2), all("#history .what").slice(0, 2).map(what => what.textContent)];
        """,
    )
    assert isinstance(found, list)
    assert found[:3] == ["Mine.", "It says now: Theirs.", "Mine."]
    assert [one.rpartition("→ ")[2] for one in found[3]] == ["“Mine.”", "“Theirs.”"]


def test_a_change_that_comes_too_late_is_refused_and_kept(page: Page, review: Review) -> None:
    found = use(
        page,
        """
        one("#correct").click(); await until(() => one("#history"));
        const post = window.fetch, answer = { error: { code: "changed", message: "" } };
        window.fetch = async (path, given) => {  // as if somebody had been faster
          if (!given?.method) return post(path, given);
          window.fetch = post;
          return new Response(JSON.stringify(answer), { status: 409 });
        };
        word(3, 0).click(); press("KeyE"); write("Late."); key("Enter");
        await until(() => !one("#notice").hidden);
        const kept = one("[contenteditable]").textContent;
        key("Enter"); await settled();
        return [kept, text(3), one("#notice").hidden];
        """,
    )
    assert found == ["Late.", "Late.", True]


def test_a_correction_by_command_is_seen(page: Page, review: Review) -> None:
    at = use(
        page,
        """
        one("#correct").click(); await until(() => one("#history"));
        return one("#transcript .seg:nth-child(3)").dataset.s;
        """,
    )
    name = review.page.removesuffix(".html")
    assert run_correct(review.out / name, Wanted(by="Lee", at=str(at), text="By command.")) == 0
    told = use(
        page, 'await until(() => text(3) === "By command."); return one("#notice").textContent'
    )
    assert "Lee changed the text meanwhile" in str(told)


def test_who_else_has_the_page_open_is_shown(page: Page, review: Review) -> None:
    with review.listening("Kim") as listener:
        use(page, 'await until(() => one("#people").textContent === "Also open here: Kim")')
        while listener.readline() != b'data: {"others": ["local"]}\n':
            assert not listener.isclosed()
    use(page, 'await until(() => one("#people").hidden)')


def test_a_page_from_the_disk_cannot_be_corrected(chrome: Chrome, review: Review) -> None:
    opened = chrome.open(review.out / review.page)
    assert opened.use('return one("#correct") === null && one("#play") !== null')
    opened.close()
