"""Compiled templates are kept between commands, and only those that we wrote are used."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from reelmill.core.keys import user_key
from reelmill.pages.compiled import CompiledTemplates


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELMILL_CACHE", str(tmp_path))
    user_key()
    return tmp_path / "templates"


def page(text: str = "<p>{{ x }}</p>", **options: object) -> str:
    loader = DictLoader({"page.html": text})
    environment = Environment(loader=loader, bytecode_cache=CompiledTemplates(), **options)  # type: ignore[arg-type]
    return environment.get_template("page.html").render(x="&")


def test_a_template_is_compiled_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page() == "<p>&</p>"
    (kept,) = cache.iterdir()
    monkeypatch.setattr(Environment, "compile", None)
    assert page() == "<p>&</p>"
    assert list(cache.iterdir()) == [kept]


def test_another_text_or_other_options_are_compiled_anew(cache: Path) -> None:
    page()
    assert page("<b>{{ x }}</b>") == "<b>&</b>"
    assert page(autoescape=True) == "<p>&amp;</p>"


def test_code_that_we_did_not_write_is_not_run(cache: Path) -> None:
    page()
    (kept,) = cache.iterdir()
    mine = kept.read_bytes()
    page("<b>{{ x }} of somebody else</b>")
    kept.write_bytes(mine[:64] + kept.read_bytes()[64:])
    assert page() == "<p>&</p>"
    kept.write_bytes(mine[:-1] + b"x")
    assert page() == "<p>&</p>" and kept.read_bytes() == mine


def test_pages_are_made_without_a_folder_for_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REELMILL_CACHE", str(tmp_path / "file"))
    assert page() == "<p>&</p>"
