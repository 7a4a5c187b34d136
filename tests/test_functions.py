"""Rules for the source of every module that no linter checks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src" / "reelmill"
MOST_LINES = 60

Functions = (ast.FunctionDef, ast.AsyncFunctionDef)
Nodes = list[tuple[str, ast.AST]]


@pytest.fixture(scope="module")
def nodes() -> Nodes:
    """All nodes of all modules, each with its module's path."""
    return [
        (str(path.relative_to(SOURCES)), node)
        for path in sorted(SOURCES.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_every_function_fits_on_a_screen(nodes: Nodes) -> None:
    longer = [
        f"{path}: {node.name} has {lines} lines"
        for path, node in nodes
        if isinstance(node, Functions)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES
    ]
    assert longer == []


def test_no_string_is_a_statement_of_its_own(nodes: Nodes) -> None:
    """It is usually the second half of a message that was cut off by a mistake."""
    lost = [
        f"{path}:{statement.lineno}"
        for path, node in nodes
        if isinstance(body := getattr(node, "body", None), list)
        for at, statement in enumerate(body)
        if isinstance(statement, ast.Expr)
        and isinstance(statement.value, (ast.Constant, ast.JoinedStr))
        and getattr(statement.value, "value", None) is not Ellipsis
        and not (at == 0 and isinstance(node, (ast.Module, ast.ClassDef, *Functions)))
    ]
    assert lost == []
