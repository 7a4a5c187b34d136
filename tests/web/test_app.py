"""The server lets in whoever has its token, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.serving import TOKEN, Serving, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("data")) as running:
        yield running


def test_the_first_visit_gives_a_cookie_that_later_visits_need(server: Serving) -> None:
    # proves: W1
    assert server.get("/", authorization="").code == "not_logged_in"
    assert server.get("/?token=wrong", authorization="").code == "wrong_token"
    entered = server.get(f"/?token={TOKEN}", authorization="")
    assert (entered.status, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and TOKEN not in cookie
    home = server.get("/", authorization="", cookie=cookie.partition(";")[0])
    assert home.status == 200 and b"Reelmill" in home.body
    name, _, value = cookie.partition(";")[0].partition("=")
    assert server.get("/", authorization="", cookie=f"{name}={value[:-1]}").status == 401


def test_pages_run_nothing_inline_and_load_nothing_from_elsewhere(server: Serving) -> None:
    # proves: W1
    home = server.get("/")
    policy = home.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert b"<style" not in home.body and b"http://" not in home.body
    for name in ("server.css", "server.js", "icon.svg"):
        assert server.get(f"/static/{name}", authorization="").status == 200


def test_an_error_is_a_page_for_people_and_json_for_programs(server: Serving) -> None:
    # proves: W1
    assert server.get("/nothing").code == "not_found"
    page = server.get("/nothing", accept="text/html", accept_language="ko-KR,ko;q=0.9")
    assert page.status == 404 and "찾을 수 없습니다" in page.body.decode()
    assert {"status": 404, "path": "/nothing", "person": "local"}.items() <= server.refused()[
        -1
    ].items()
