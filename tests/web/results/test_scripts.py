"""Pages outlive the version that wrote them: their scripts run on the server, and no others."""

# proves: W1

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reelmill import __version__
from reelmill.core import gate
from reelmill.core.atomic import write_text
from reelmill.core.keys import WRITTEN, user_key
from reelmill.pages.scripts import earlier_scripts, hashes_in
from reelmill.web.queue.records import QueuedRun
from reelmill.web.results import scripts
from tests.web.serving import Serving, serving

_OLDER = "<script>document.title = 'an older version';</script>"
_STRANGE = "<script>document.title = 'from a name';</script>"
_PAGE = f"<html lang='en'><body>{_OLDER}{_STRANGE}</body>"
_CHANGES = Path(__file__).parents[3] / "CHANGELOG.md"


def policy_of(server: Serving, page: str) -> str:
    """What may run in a page of results."""
    out = server.settings.data / "runs" / "made"
    with gate.output(out, "voice", [], user_key().seal.key_for(WRITTEN)):
        write_text(out / "index.html", page)
    records = server.app.state.services.queue.records  # type: ignore[union-attr]
    if records.get("made") is None:
        records.add(QueuedRun("made", 0, "local", "a", "voice", {}, (), out, state="done"))
    return server.get("/results/made/index.html").headers["content-security-policy"]


def test_scripts_of_a_version_that_the_server_had_before_run_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (older,), (strange,) = hashes_in(_OLDER), hashes_in(_STRANGE)
    with monkeypatch.context() as before:
        before.setattr(scripts, "script_hashes", lambda: (older,))
        with serving(tmp_path, workers=1) as server:
            policy_of(server, _PAGE)
    with serving(tmp_path, workers=1) as server:  # another version
        policy = policy_of(server, _PAGE)
    assert f"'{older}'" in policy and strange not in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_scripts_of_all_released_versions_are_known() -> None:
    """When the version is raised, those of the one before are added (CONTRIBUTING.md)."""
    named = re.findall(r"^## \[(\d[\d.]*)\]", _CHANGES.read_text("utf-8"), re.MULTILINE)
    released = [version for version in named if version != __version__]
    assert released and set(released) == set(earlier_scripts())
    assert all(
        re.fullmatch(r"sha256-[\w+/]{43}=", one) for it in earlier_scripts().values() for one in it
    )
