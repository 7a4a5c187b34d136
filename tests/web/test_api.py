"""The API does what its OpenAPI document, and docs/api.md, say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reelmill.core import gate
from reelmill.core.atomic import write_text
from reelmill.core.keys import WRITTEN, user_key
from reelmill.engine.telemetry.metrics import FileOutcome
from reelmill.web.api.document import api_page, openapi
from reelmill.web.queue.records import QueuedRun, key_of
from reelmill.web.queue.root import Root
from tests.web.serving import Serving, serving

SOUND = b"RIFF0123456789"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("api")
    (folder / "root").mkdir()
    (folder / "root" / "a.wav").write_bytes(SOUND)
    with serving(folder / "data", root=folder / "root", parallel=0) as running:
        _add_finished(running)
        yield running


def _add_finished(server: Serving) -> None:
    """A run that is over, with one recording and its page."""
    services = server.app.state.services  # type: ignore[union-attr]
    out = server.settings.data / "runs" / "over"
    with gate.output(out, "voice", [], user_key().seal.key_for(WRITTEN)):
        write_text(out / "index.html", "<p>runs</p>")
    run = QueuedRun("over", 0, "local", "a", "voice", {"model": "demo"}, (), out, state="done")
    services.queue.records.add(run)
    path = str(server.settings.root / "a.wav")  # type: ignore[operator]
    services.queue.records.note("over", FileOutcome(path, "a", "done", 1.0, 2.0, False))


def _calls(server: Serving) -> Iterator[tuple[str, str, str, Any]]:
    """For each operation: method, path in the document, path asked for, body."""
    upload = server.ask("POST", "/uploads?name=a.wav", SOUND).json["id"]
    key = key_of(str(server.settings.root / "a.wav"))  # type: ignore[operator]
    services = server.app.state.services  # type: ignore[union-attr]
    out = server.settings.data / "runs" / "x"
    for name, state in (("paused", "paused"), ("idle", "queued"), ("ended", "cancelled")):
        services.queue.records.add(
            QueuedRun(name, 0, "local", name, "voice", {}, ("/x",), out, state=state)  # type: ignore[arg-type]
        )
    yield "get", "/runs", "/runs?state=done&limit=5", None
    yield "post", "/runs", "/runs", {"uploads": [upload], "options": {"formats": ["txt"]}}
    yield "get", "/runs/{run}", "/runs/over", None
    yield "post", "/runs/{run}/pause", "/runs/idle/pause", None
    yield "post", "/runs/{run}/resume", "/runs/paused/resume", None
    yield "post", "/runs/{run}/cancel", "/runs/idle/cancel", None
    yield "post", "/runs/{run}/retry", "/runs/ended/retry", None
    yield "get", "/runs/{run}/results", "/runs/over/results", None
    yield "get", "/runs/{run}/originals/{key}", f"/runs/over/originals/{key}", None
    yield "get", "/runs/{run}/events", "/runs/over/events", None
    yield "get", "/uploads", "/uploads", None
    yield "post", "/uploads", "/uploads?name=b.wav", SOUND
    other = server.ask("POST", "/uploads?name=c.wav", SOUND).json["id"]
    yield "delete", "/uploads/{upload}", f"/uploads/{other}", None
    yield "get", "/corrections/{run}", "/corrections/over?page=index.html", None
    yield "get", "/search", "/search?q=word", None
    yield "get", "/choices", "/choices", None
    yield "get", "/folders", "/folders", None
    yield "get", "/machine", "/machine", None
    yield "delete", "/runs/{run}", "/runs/over", None


def test_every_operation_answers_as_the_document_says(server: Serving) -> None:
    # proves: W1
    document = server.get("/openapi.json").json
    assert document["paths"].keys() >= openapi()["paths"].keys()
    # The first two have no end, the others need a page of results: their own tests call them.
    called = {
        ("get", "/events"),
        ("get", "/corrections/{run}/events"),
        ("post", "/corrections/{run}"),
        ("post", "/persons/{run}"),
    }
    for method, path, asked, body in _calls(server):
        called.add((method, path))
        answer = server.ask(method.upper(), asked, body)
        operation = document["paths"][path][method]
        assert str(answer.status) in operation["responses"], (asked, answer)
        content = operation["responses"][str(answer.status)].get("content", {})
        if "application/json" in content:
            schema = {**content["application/json"]["schema"], "components": document["components"]}
            jsonschema.validate(answer.json, schema)
        assert operation["security"] == [{"token": []}]
    assert called == {
        (method, path) for path, methods in openapi()["paths"].items() for method in methods
    }


def test_a_refusal_has_the_form_that_the_document_says(server: Serving) -> None:
    # proves: W1
    schemas = openapi()["components"]
    for path in ("/runs/none", "/folders?path=..", "/search", "/runs?state=none"):
        answer = server.get(path)
        assert 400 <= answer.status < 500
        jsonschema.validate(
            answer.json, {"$ref": "#/components/schemas/ErrorAnswer", "components": schemas}
        )


def test_ranges_of_a_recording_can_be_asked_for(server: Serving, tmp_path: Path) -> None:
    # proves: W1
    services = server.app.state.services  # type: ignore[union-attr]
    path = tmp_path / "통화 call.wav"
    path.write_bytes(SOUND)
    run = QueuedRun("ranges", 0, "local", "a", "voice", {}, (), tmp_path, state="done")
    services.queue.records.add(run)
    services.queue.records.note("ranges", FileOutcome(str(path), "a", "done", 1.0, 2.0, False))
    at = services.queue.records.recordings("ranges")[0].key
    part = server.get(f"/runs/ranges/originals/{at}", range="bytes=4-7")
    assert (part.status, part.body) == (206, b"0123")
    assert part.headers["content-range"] == f"bytes 4-7/{len(SOUND)}"
    assert server.get(f"/runs/ranges/originals/{at}", range="bytes=99-").status == 416
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert server.get(f"/runs/ranges/originals/{at}").status == 404


def test_docs_api_is_up_to_date() -> None:
    # proves: W1
    page = Path(__file__).parents[2] / "docs" / "api.md"
    assert page.read_text("utf-8") == api_page(), (
        "run: python -m reelmill.web.api.document > docs/api.md"
    )
    links = set(re.findall(r"\]\(#([^)]+)\)", api_page()))
    titles = {title.lower() for title in re.findall(r"^### (\w+)$", api_page(), re.MULTILINE)}
    assert links <= titles


def test_links_that_stay_below_the_root_are_followed(tmp_path: Path) -> None:
    # proves: W1
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "a.wav").write_bytes(SOUND)
    (tmp_path / "today").symlink_to("calls")
    root = Root(tmp_path)
    assert root.find("today/a.wav") == tmp_path / "calls" / "a.wav"
    assert [one.name for one in root.listing("").folders] == ["calls", "today"]
