"""The server in a browser: drop recordings, watch, look at results, search."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.core.paths import ASSETS
from reelmill.web.results import routes as results
from tests.pages.chrome import Chrome, Page, chrome, needs_chromium
from tests.pages.test_faces import talk_page
from tests.web.serving import TOKEN, Serving, serving

__all__ = ["chrome"]
pytestmark = needs_chromium

#: A name that would run in a page, if names could.
HOSTILE = "<img src=x onerror=alert(1)>.wav"
KOREAN = "통화 녹음 김민수.m4a"
_SAMPLES = ASSETS / "samples"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    data = tmp_path_factory.mktemp("data")
    with serving(data, model="demo", root=ASSETS, lang="en") as running:
        yield running


@pytest.fixture(scope="module")
def page(chrome: Chrome, server: Serving) -> Page:
    return chrome.open(f"{server.address}/?token={TOKEN}", (1280, 900))


@pytest.fixture(scope="module")
def finished(page: Page, server: Serving, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three recordings were dropped, one of them broken, and the page was loaded again in the
    middle; the id of the run."""
    hostile = tmp_path_factory.mktemp("dropped") / HOSTILE
    hostile.write_bytes((_SAMPLES / "voicemail.wav").read_bytes())
    page.drop("#drop", [_SAMPLES / "broken.m4a", _SAMPLES / KOREAN, hostile])
    arrived = "all('#taken small').filter(one => /arrived/.test(one.textContent)).length"
    page.use(f"await until(() => {arrived} === 3)")
    page.go(f"{server.address}/")  # what was sent is still there
    page.use("await until(() => all('#taken li').length === 3); one('#start').click()")
    page.use("await until(() => one('.run') && /of 3/.test(one('.run .facts').textContent))")
    run = str(page.use("return one('.run').dataset.id"))
    _pause_in_the_middle(server, run)  # or it may be done before the page is there again
    page.go(f"{server.address}/")
    seen = page.use(
        "await until(() => one('.run') && one('.run progress').value > 0);"
        "return [one('.run').dataset.state, one('.run progress').value]"
    )
    assert seen[0] == "paused" and 0 < seen[1] <= 1
    server.ask("POST", f"/runs/{run}/resume")
    page.use("await until(() => one('.run').dataset.state === 'done')")
    return run


def _pause_in_the_middle(server: Serving, run: str) -> None:
    until = time.monotonic() + 120
    while not ((progress := server.get(f"/runs/{run}").json["progress"]) and progress["share"] > 0):
        assert time.monotonic() < until, progress
        time.sleep(0.01)
    assert server.ask("POST", f"/runs/{run}/pause").status == 200


@pytest.mark.usefixtures("finished")
def test_three_dropped_recordings_are_done_after_a_reload(page: Page) -> None:
    # proves: W1
    shown = page.use(
        "one('.run details').open = true; await until(() => all('.made li').length === 3);"
        "return all('.made li').map(item => item.textContent)"
    )
    (broken,) = (one for one in shown if "broken" in one)
    assert "truncated" in broken and "uploads" not in broken
    done = [one for one in shown if "done" in one]
    assert len(done) == 2 and any(HOSTILE in one for one in done)
    facts = page.use("return one('.run .facts').textContent")
    assert "3 of 3" in facts and "1 failed" in facts
    assert page.use("return all('img').length") == 0  # the name did not become an element


def test_results_are_the_same_pages_and_nothing_in_them_runs(
    page: Page, chrome: Chrome, server: Serving, finished: str
) -> None:
    # proves: W1
    href = page.use(f"return all('.made a').find(one => one.textContent === {HOSTILE!r}).href")
    review = chrome.open(href)
    loaded = "await until(() => one('#player').readyState >= 1);"
    assert review.use(f"{loaded} return one('h1').textContent") == HOSTILE
    review.use("one('#play').click(); await until(() => one('#player').currentTime > 0.1)")
    review.go(f"{server.address}/results/{finished}/index.html")
    found = review.use(
        "type(one('#find'), 'emma'); await until(() => one('#hits li'));"
        "return one('#hits').textContent"
    )
    assert "Emma" in found
    assert review.use("return one('.brand a').getAttribute('href')") == "/"
    ran = review.use(  # what a recording would have to bring in to run is not let run
        "const script = document.createElement('script'); script.textContent = 'window.ran = true';"
        "document.body.append(script); await pause(50); return Boolean(window.ran)",
        refused=1,
    )
    assert ran is False
    review.close()


@pytest.mark.usefixtures("finished")
def test_what_was_said_is_found_over_all_runs(chrome: Chrome, server: Serving) -> None:
    # proves: W1
    found = chrome.open(f"{server.address}/find?q=emma")
    assert "Emma" in found.use("return one('.hits li').textContent")
    found.go(found.use("return one('.hits a').href"))
    assert found.use("return one('#find').value") == "emma"
    found.close()


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize("width", [420, 1280])
def test_nothing_is_wider_than_the_page(page: Page, width: int) -> None:
    # proves: W1
    page.resize(width, 900)
    assert page.use("return overflow()") == 0


def test_folders_on_the_server_can_be_picked(page: Page) -> None:
    # proves: W1
    names = page.use(
        "one('#pick').click(); await until(() => all('#entries li').length > 3);"
        "return all('#entries bdi').map(one => one.textContent)"
    )
    assert "samples/" in names
    taken = page.use(
        "const films = all('#entries li').find(item => item.textContent.startsWith('films'));"
        "films.querySelector('button').click();"
        "await until(() => one('#at').textContent === '/films'); one('#this').click();"
        "return one('#taken bdi').textContent"
    )
    assert taken == "films/"


def test_the_pages_speak_korean(tmp_path: Path) -> None:
    # proves: V7
    with serving(tmp_path, lang="ko") as korean:
        home = korean.get("/").body.decode()
    assert 'lang="ko"' in home and "녹음 파일이나 폴더를 여기에 놓으십시오" in home


def _press(page: Page, text: str, then: str) -> None:
    """Press a button of the newest run, and wait until it is in that state."""
    page.use(
        f"const wanted = () => all('.run button').find(one => one.textContent === {text!r});"
        "await until(wanted); wanted().click();"
        f"await until(() => one('.run').dataset.state === {then!r})"
    )


@pytest.mark.usefixtures("finished")
def test_a_run_is_paused_cancelled_tried_again_and_removed(page: Page, server: Serving) -> None:
    # proves: W1
    names = ("voicemail.wav", "noisy line.mp3", "planning a trip.ogg")
    new = {"paths": [f"samples/{name}" for name in names], "title": "buttons"}
    made = server.ask("POST", "/runs", new).json
    page.use("await until(() => one('.run h3 bdi').textContent === 'buttons')")
    page.use("await until(() => one('.run').dataset.state === 'running')")
    _press(page, "Pause", "paused")
    assert server.get(f"/runs/{made['id']}").json["state"] == "paused"
    _press(page, "Go on", "running")
    _press(page, "Cancel", "cancelled")
    _press(page, "Try again", "done")
    shown = server.get(f"/runs/{made['id']}/results").json
    assert [one["status"] for one in shown["recordings"]] == ["done"] * 3
    folder = server.settings.data / "runs" / made["id"]
    assert folder.is_dir()
    page.use("window.confirm = () => true")
    page.use(
        "all('.run button').find(one => one.textContent === 'Remove').click();"
        "await until(() => one('.run h3 bdi').textContent !== 'buttons')"
    )
    assert not folder.exists() and server.get(f"/runs/{made['id']}").code == "no_run"


def test_a_page_of_faces_plays_and_seeks_the_recording_on_the_server(
    chrome: Chrome, server: Serving, finished: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: W1
    made = server.get(f"/runs/{finished}/results").json["recordings"]
    one = next(one for one in made if one["file"] == HOSTILE)
    html = talk_page(tmp_path, 2).read_text("utf-8")
    monkeypatch.setattr(results, "_read", lambda file: os.close(file) or html)
    faces = chrome.open(f"{server.address}{one['page']}")
    played = faces.use(
        "const lane = one('.row .lane'), box = lane.getBoundingClientRect();"
        "const click = share => lane.dispatchEvent(new MouseEvent('click',"
        "{bubbles: true, clientX: box.left + share * box.width}));"
        "const video = one('#player video'), seen = []; click(0.7);"
        "for (const [from, to, next] of [[7, 9, 0.2], [2, 4, 0.7]]) {"
        "await until(() => video.currentTime > from && video.currentTime < to && !video.seeking);"
        "seen.push(video.currentTime); click(next); }"
        "return [new URL(video.src).pathname, seen.length]"
    )
    assert played == [one["original"], 2]
    faces.close()
