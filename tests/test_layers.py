"""Heavy libraries are imported only where they are used (layers: import-linter, in
pyproject.toml)."""

from __future__ import annotations

import ast
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import reelmill

ROOT = Path(reelmill.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

HEAVY = (
    "av", "ctranslate2", "faster_whisper", "huggingface_hub", "numpy", "onnxruntime", "pydantic",
    "pynvml", "tokenizers", "torch",
)  # fmt: skip


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Names of imported modules, and whether the import happens at module level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or _type_checking(node):
            late.update(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node not in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node not in late


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_model_libraries_are_imported_where_they_are_used(path: Path) -> None:
    # proves: G19
    libraries = {"ctranslate2", "faster_whisper", "onnxruntime", "torch", "huggingface_hub"}
    early = [name for name, at_once in imports(path) if at_once and name.split(".")[0] in libraries]
    assert early == []


def fresh(code: str) -> tuple[str, float]:
    """What `code` prints in an interpreter of its own, and the CPU seconds it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return finished.stdout, seconds


_LOADED = f"import sys; print([name for name in {HEAVY!r} if name in sys.modules])"


def test_the_command_line_loads_no_heavy_library() -> None:
    told, seconds = fresh(f"import reelmill.cli.app; {_LOADED}")
    assert told.strip() == "[]"
    assert seconds < 1.0


def test_help_is_printed_quickly() -> None:
    told, seconds = fresh(
        "import sys; sys.argv = ['reelmill', '--help']\n"
        "from reelmill.cli.app import main\n"
        "try: main()\n"
        f"except SystemExit as end: assert not end.code\n{_LOADED}"
    )
    assert "voice" in told and told.strip().endswith("[]")
    assert seconds < 1.0


def test_the_engine_loads_without_model_libraries() -> None:
    told, _ = fresh(
        "import reelmill.engine.execution.coordinator, reelmill.engine.process.cpu_worker, "
        "reelmill.engine.process.model_worker_client; "
        + _LOADED.replace(repr(HEAVY), repr(tuple(h for h in HEAVY if h != "numpy")))
    )
    assert told.strip() == "[]"
