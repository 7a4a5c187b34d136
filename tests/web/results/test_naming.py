"""Names that people give on the page of a video are kept by the server."""

# proves: W1

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthetic.videos import Script, make_video
from tests.pages.chrome import Chrome, chrome, needs_chromium
from tests.web.serving import TOKEN, Serving, serving

__all__ = ["chrome"]
pytestmark = needs_chromium

_TALK = Script(
    seconds=2.4, width=320, height=240, rate=10, persons=1, sizes=(60, 80), leaving=0, seed=3
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    films = tmp_path_factory.mktemp("films")
    make_video(films / "회의 1.mp4", _TALK)
    with serving(tmp_path_factory.mktemp("data"), root=films, workers=1, lang="en") as running:
        yield running


@pytest.fixture(scope="module")
def run(server: Serving, chrome: Chrome) -> str:
    """A run over the video that is done."""
    made = server.ask("POST", "/runs", {"task": "faces", "paths": ["회의 1.mp4"]})
    assert made.status == 201, made.json
    page = chrome.open(f"{server.address}/?token={TOKEN}")
    page.use("await until(() => one('.run')?.dataset.state === 'done')")
    page.close()
    return str(made.json["id"])


def recording(server: Serving, run: str) -> dict[str, Any]:
    (found,) = server.get(f"/runs/{run}/results").json["recordings"]
    return dict(found)


def page_of(server: Serving, run: str) -> str:
    files = recording(server, run)["files"]
    return str(next(one["href"] for one in files if one["href"].endswith(".faces.html")))


def test_a_name_is_saved_in_all_files_and_taken_back_by_emptying_it(
    server: Serving, run: str, chrome: Chrome
) -> None:
    assert named_on_page(server, run, chrome, "Kim Minsu") == ["Kim Minsu", False]
    names = [one["href"] for one in recording(server, run)["files"]]
    assert any("Kim%20Minsu" in one for one in names), names
    assert named_on_page(server, run, chrome, "") == ["Person A", False]
    names = [one["href"] for one in recording(server, run)["files"]]
    assert names and not any("Kim%20Minsu" in one for one in names), names
    kept = [json.loads(line) for line in log_of(server, run).read_text().splitlines()]
    given = [(one["names"], one["person"]) for one in kept if one["what"] == "names"]
    assert given == [({"A": "Kim Minsu"}, "local"), ({"A": ""}, "local")]


def named_on_page(server: Serving, run: str, chrome: Chrome, name: str) -> list[Any]:
    """The first person's name after it was changed and saved on the page, and whether something is
    left to save."""
    page = chrome.open(f"{server.address}{page_of(server, run)}")
    loads = page.loads
    page.use(
        f"const field = one('.row[data-person] b'); field.textContent = {json.dumps(name)};"
        "field.dispatchEvent(new FocusEvent('blur'));"
        "await until(() => one('#keep.open')); one('#save-names').click();"
    )
    page.wait_for_load(loads)
    shown = page.use("return [one('.row[data-person] b').textContent, Boolean(one('#keep.open'))]")
    page.close()
    return list(shown)


def log_of(server: Serving, run: str) -> Path:
    return server.settings.data / "runs" / run / "custody.jsonl"


def test_names_for_a_page_that_was_written_anew_are_not_taken(server: Serving, run: str) -> None:
    path = page_of(server, run).split(f"/results/{run}/")[1]
    for given, code in (
        ({"version": 1, "names": {"A": "Lee"}}, "changed"),
        ({"version": version_on(server, run), "names": {"Z": "Lee"}}, "unfit"),
        ({"version": version_on(server, run), "names": {"A": "Lee,B=Pak"}}, "invalid"),
    ):
        answer = server.ask("POST", f"/persons/{run}?page={path}", given)
        assert answer.code == code
    given = {"version": 1, "names": {"A": "Lee"}}
    assert server.ask("POST", f"/persons/{run}?page=strange.html", given).status == 404


def version_on(server: Serving, run: str) -> int:
    html = server.get(page_of(server, run)).body.decode()
    data = html.partition('id="naming">')[2].partition("</script>")[0]
    return int(json.loads(data)["version"])
