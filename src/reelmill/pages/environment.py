"""The templates of all pages, with the filters that they use."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from reelmill.export.html_templates import html_environment
from reelmill.report import wording

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_FOLDER = Path(__file__).parent / "templates"
_PART = re.compile(r"""\{%-? *(?:extends|include) +"([^"]+)" *-?%\}""")


def template(name: str) -> Template:
    """A page's template.

    Args:
        name: its file in `templates/`.

    Raises:
        jinja2.TemplateNotFound: there is none of that name.
    """
    return _environment().get_template(name)


def load(name: str) -> None:
    """Load a template, and those it consists of, before it is needed."""
    template(name)
    for part in _PART.findall(source_of(name)):
        load(part)


def source_of(name: str) -> str:
    """The text of a file in `templates/`."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def from_source(text: str) -> Template:
    """A part of a page as a template of its own."""
    return _environment().from_string(text)


@cache
def _environment() -> Environment:
    from reelmill.pages.compiled import CompiledTemplates

    environment = html_environment(_FOLDER, CompiledTemplates())
    environment.filters.update(
        clock=wording.clock,
        duration=wording.duration,
        significant=wording.significant,
        percent=wording.percent,
        memory=wording.memory,
    )
    return environment
