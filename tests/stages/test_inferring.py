"""What a stage says its `infer` depends on: runs that agree in it share batches."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from typing import Any

import pytest

import reelmill.stages
from reelmill.engine.stage import ModelStage


def all_model_stages() -> list[type[ModelStage[Any, Any]]]:
    for module in pkgutil.walk_packages(reelmill.stages.__path__, "reelmill.stages."):
        importlib.import_module(module.name)
    found: list[type[ModelStage[Any, Any]]] = []
    waiting: list[type[ModelStage[Any, Any]]] = [ModelStage]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.startswith("reelmill.stages.") and not inspect.isabstract(kind):
                found.append(kind)
    return found


def read_of_self(function: Any) -> set[str]:
    """The attributes of `self` in the source of a method."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


@pytest.mark.parametrize("kind", all_model_stages(), ids=lambda kind: kind.__name__)
def test_a_stage_declares_what_its_inference_reads(kind: type[ModelStage[Any, Any]]) -> None:
    declared: Any = inspect.getattr_static(kind, "inferring")
    assert declared is not inspect.getattr_static(ModelStage, "inferring"), (
        "say what infer reads, so that runs share batches"
    )
    assert read_of_self(kind.infer) <= {"model"} | read_of_self(declared.fget)
    assert "self" not in {
        getattr(one, "id", "")
        for call in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(kind.infer))))
        if isinstance(call, ast.Call)
        for one in call.args
    }, "infer passes the whole stage on"
