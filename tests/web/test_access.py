"""Names, passwords and roles: who may do what beyond this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner

from reelmill.cli import app as cli
from reelmill.commands.serve import Wanted, settings_of
from reelmill.errors import UsageError
from reelmill.web.language import preferred
from reelmill.web.queue.records import QueuedRun
from reelmill.web.security.passwords import PasswordFile
from tests.web.serving import Answer, Serving, serving

PASSWORD = "a long enough password"


def _command(*arguments: str, typed: str = "") -> str:
    done = CliRunner().invoke(cli.app, ["serve", *arguments], input=typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A password file with a viewer, an editor and an administrator."""
    path = tmp_path_factory.mktemp("people") / "passwords.json"
    for name, role in (("vera", "viewer"), ("에디", "editor"), ("ada", "admin")):
        _command("password", name, "--role", role, "--file", str(path), typed=f"{PASSWORD}\n")
    return path


@pytest.fixture(scope="module")
def server(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    data = tmp_path_factory.mktemp("data")
    with serving(data, token="", passwords=people, parallel=0) as running:
        queue = running.app.state.services.queue  # type: ignore[union-attr]
        run = QueuedRun("r", 0, "에디", "call", "voice", {}, ("/x",), data / "runs" / "r")
        queue.records.add(run)
        yield running


def _login(server: Serving, name: str, password: str = PASSWORD) -> Answer:
    return server.ask(
        "POST",
        "/login",
        urlencode({"name": name, "password": password}).encode(),
        {
            "authorization": "",
            "content-type": "application/x-www-form-urlencoded",
            "origin": server.address,
        },
    )


def _as(server: Serving, name: str) -> dict[str, str]:
    """The headers of a browser of that person."""
    cookie = _login(server, name).headers["set-cookie"].partition(";")[0]
    return {"authorization": "", "cookie": cookie, "origin": server.address}


def test_the_file_keeps_no_password_and_is_private(people: Path) -> None:
    # proves: W1
    kept = people.read_text("utf-8")
    assert PASSWORD not in kept and kept.count("$argon2id$") == 3
    assert people.stat().st_mode & 0o777 == 0o600
    assert "vera  viewer" in _command("people", "--file", str(people))
    people.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        PasswordFile(people)
    people.chmod(0o600)


def test_roles_decide_what_people_may_do(server: Serving) -> None:
    # proves: W1
    vera, eddie, ada = (_as(server, name) for name in ("vera", "에디", "ada"))
    for headers in (vera, eddie, ada):
        assert server.ask("GET", "/runs", headers=headers).status == 200
    assert server.ask("POST", "/runs/r/pause", headers=vera).code == "forbidden"
    assert server.ask("GET", "/folders", headers=vera).code == "forbidden"
    assert server.ask("GET", "/folders", headers=eddie).code == "no_root"
    assert 'id="new"' not in server.ask("GET", "/", headers=vera).body.decode()
    assert 'id="new"' in server.ask("GET", "/", headers=eddie).body.decode()
    assert server.ask("POST", "/runs/r/pause", headers=eddie).json["state"] == "paused"
    assert server.ask("POST", "/runs/r/resume", headers=ada).json["state"] == "queued"


def test_an_editor_changes_no_run_of_others(server: Serving) -> None:
    # proves: W1
    queue = server.app.state.services.queue  # type: ignore[union-attr]
    out = server.settings.data / "runs" / "a"
    queue.records.add(QueuedRun("of-ada", 0, "ada", "call", "voice", {}, ("/x",), out))
    assert server.ask("POST", "/runs/of-ada/cancel", headers=_as(server, "에디")).status == 403
    assert server.ask("POST", "/runs/of-ada/cancel", headers=_as(server, "ada")).status == 200


def test_whoever_is_not_in_gets_the_page_to_log_in(server: Serving) -> None:
    # proves: W1
    sent = server.get("/", authorization="", accept="text/html")
    assert (sent.status, sent.headers["location"]) == (303, "/login")
    assert b'type="password"' in server.get("/login", authorization="").body
    assert server.get("/runs", authorization="").status == 401
    headers = _as(server, "vera")
    left = server.ask("POST", "/logout", headers=headers)
    assert left.status == 303
    assert server.ask("GET", "/runs", headers=headers).status == 401


def test_a_key_of_a_person_is_for_programs(server: Serving, people: Path) -> None:
    # proves: W1
    key = _command("key", "vera", "--file", str(people)).split()[0]
    assert key not in people.read_text("utf-8")
    assert server.get("/runs", authorization=f"Bearer {key}").status == 200
    assert (
        server.ask("POST", "/runs/r/pause", headers={"authorization": f"Bearer {key}"}).status
        == 403
    )
    assert server.get("/runs", authorization=f"Bearer {key}x").status == 401


def test_a_new_role_or_password_ends_what_was_open(server: Serving, people: Path) -> None:
    # proves: W1
    headers = _as(server, "vera")
    _command("password", "vera", "--role", "editor", "--file", str(people), typed=f"{PASSWORD}\n")
    assert server.ask("GET", "/runs", headers=headers).status == 401
    headers = _as(server, "vera")
    _command("password", "vera", "--remove", "--file", str(people))
    assert server.ask("GET", "/runs", headers=headers).status == 401
    assert _login(server, "vera").status == 401


def test_wrong_passwords_are_refused_logged_and_slowed_down(server: Serving) -> None:
    # proves: W1
    statuses = [_login(server, "ada", "not the password").status for _ in range(6)]
    assert statuses[0] == 401 and statuses[-1] == 429
    assert any("'ada'" in line.get("detail", "") for line in server.refused())
    assert "not the password" not in json.dumps(server.refused())
    assert _login(server, "ada").status == 429  # also the right one, for a minute


def test_beyond_this_machine_a_password_file_is_needed(people: Path, tmp_path: Path) -> None:
    # proves: W1
    with pytest.raises(UsageError, match="reelmill serve password"):
        settings_of(Wanted(host="0.0.0.0", data=tmp_path))
    settings = settings_of(Wanted(host="0.0.0.0", data=tmp_path, passwords=people))
    assert settings.token == "" and not settings.is_loopback
    assert len(settings_of(Wanted(data=tmp_path)).token) >= 32
    with pytest.raises(UsageError, match="go together"):
        settings_of(Wanted(data=tmp_path, tls_cert=people))


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("ko-KR,ko;q=0.9,en;q=0.8", "ko"), ("en-US,en;q=0.9,ko;q=0.8", "en"), ("de", "en"),
     ("", "en"), ("ko;q=x,;;,", "en")],
)  # fmt: skip
def test_pages_are_in_the_language_that_the_browser_prefers(accepted: str, language: str) -> None:
    # proves: V7
    assert preferred(accepted) == language


def test_behind_a_server_with_tls__its_origin_is_ours(people: Path, tmp_path: Path) -> None:
    # proves: W1
    given = {"tls": True, "proxied": True, "hosts": ("calls.example",), "passwords": people}
    with serving(tmp_path, token="", **given) as running:
        headers = {
            "host": "calls.example",
            "origin": "https://calls.example",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-proto": "https",
            "authorization": "",
            "content-type": "application/x-www-form-urlencoded",
        }
        body = urlencode({"name": "ada", "password": PASSWORD}).encode()
        entered = running.ask("POST", "/login", body, headers)
        assert entered.status == 303 and "Secure" in entered.headers["set-cookie"]
        assert "max-age" in entered.headers["strict-transport-security"]
        headers["origin"] = "http://calls.example"
        assert running.ask("POST", "/login", body, headers).code == "wrong_origin"
        assert running.refused()[-1]["client"] == "203.0.113.7"
