"""Nobody has to scroll to read a function."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "src" / "reelmill"
MOST_LINES = 60


def test_every_function_fits_on_a_screen() -> None:
    longer = [
        f"{path.relative_to(SOURCES)}: {node.name} has {lines} lines"
        for path in sorted(SOURCES.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES
    ]
    assert longer == []
