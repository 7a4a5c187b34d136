"""Records as pages for browsers, made to be printed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from reelmill.export.html_templates import html_environment
from reelmill.export.transcript.records import content
from reelmill.export.transcript.records.content import Record


def page(record: Record) -> str:
    """The page of a record. It needs no other file, no script and no network."""
    return str(_template().render(record=record))


@cache
def _template() -> Any:
    environment = html_environment(Path(__file__).parent / "templates")
    for kind in (content.Heading, content.Paragraph, content.Table, content.NumberedPage,
                 content.Space, content.PageBreak):  # fmt: skip
        environment.tests[kind.__name__.lower()] = _is(kind)
    return environment.get_template("record.html")


def _is(kind: type) -> Any:
    return lambda block: isinstance(block, kind)
