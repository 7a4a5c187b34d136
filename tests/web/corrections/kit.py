"""A server with a finished run, and people who correct it."""

from __future__ import annotations

import http.client
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reelmill.engine.telemetry.metrics import FileOutcome
from reelmill.runs.run import Run
from reelmill.web.queue.records import QueuedRun
from reelmill.web.security.passwords import Entry, new_key, write_people
from tests.web.serving import Answer, Serving, serving

SAMPLES = Path(__file__).parents[3] / "src/reelmill/assets/samples"
OPTIONS = {"model": "demo", "device": "cpu", "workers": 1, "formats": ("json", "txt", "srt")}
RUN = "abcdef0123456789"


def finished_folder(folder: Path) -> Path:
    """A folder of results that a run with the demo model made; its recording has a name that is
    awkward in addresses."""
    (folder / "in" / "a b").mkdir(parents=True)
    shutil.copy2(SAMPLES / "voicemail.wav", folder / "in" / "a b" / "voice#mail.wav")
    Run("voice", folder / "in", out=folder / "out", lang="en", **OPTIONS).start().wait()
    return folder / "out"


def copied(out: Path, folder: Path) -> Path:
    """A copy of a folder of results and its recordings, in place of an earlier one."""
    for name in ("in", "out"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(out.parent / name, folder / name)
    return folder / "out"


@dataclass(frozen=True)
class Review:
    """A server whose run has the results in `out`. `keys` let people in, by name."""

    server: Serving
    out: Path
    keys: dict[str, str]
    page: str = "a b/voice#mail.html"

    @property
    def path(self) -> str:
        """Where the review page is."""
        return f"/results/{RUN}/{quote(self.page)}"

    def ask(self, person: str, given: Any = None) -> Answer:
        """Read the corrections, or send a change."""
        headers = {"authorization": f"Bearer {self.keys[person]}"}
        path = f"/corrections/{RUN}?page={quote(self.page, safe='')}"
        return self.server.ask("GET" if given is None else "POST", path, given, headers)

    @contextmanager
    def listening(self, person: str) -> Iterator[http.client.HTTPResponse]:
        """The events of the page, for somebody who has it open."""
        settings = self.server.settings
        connection = http.client.HTTPConnection(settings.host, settings.port, timeout=60)
        path = f"/corrections/{RUN}/events?page={quote(self.page, safe='')}"
        connection.request("GET", path, headers={"authorization": f"Bearer {self.keys[person]}"})
        try:
            yield connection.getresponse()
        finally:
            connection.close()

    def correct(self, person: str, *edits: dict[str, Any]) -> Answer:
        """Correct the text as it is now."""
        return self.ask(person, {"version": self.ask(person).json["version"], "edits": edits})


@contextmanager
def reviewing(folder: Path, out: Path) -> Iterator[Review]:
    """A server on finished results, with Kim and Lee, who correct, and Pak, who only looks."""
    keys, people = {}, {}
    for name, role in (("Kim", "editor"), ("Lee", "editor"), ("Pak", "viewer")):
        keys[name], kept = new_key()
        people[name] = Entry(role=role, keys=[kept])  # type: ignore[arg-type]
    folder.mkdir(exist_ok=True)
    write_people(folder / "people.json", people)
    with serving(folder / "data", passwords=folder / "people.json", workers=1) as server:
        run = QueuedRun(
            RUN, 0, "local", "calls", "voice", {}, (str(out.parent / "in"),), out, "done"
        )
        records = server.app.state.services.queue.records
        records.add(run)
        sound = str(out.parent / "in" / "a b" / "voice#mail.wav")
        records.note(RUN, FileOutcome(sound, "a b/voice#mail", "done", 12.0, 1.0, False))
        yield Review(server, out, keys)
