"""The registry is the only list of stages."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest

from reelmill.cli import app
from reelmill.engine.stage import Stage
from reelmill.errors import UsageError
from reelmill.pipelines import registry
from reelmill.pipelines.registry import added_stages, stage_class, stage_names
from reelmill.settings import Settings

COMMANDS = {"voice": app.voice, "subtitle": app.subtitle, "faces": app.faces}


@pytest.mark.parametrize("name", stage_names())
def test_every_stage_has_a_display_name(name: str) -> None:
    # proves: G23
    kind = stage_class(name)
    assert kind.display_name and kind.display_name[0].isupper()
    assert kind.commands and set(kind.commands) <= set(COMMANDS)
    assert set(kind.models) <= set(Settings.model_fields)


@pytest.mark.parametrize("name", stage_names())
def test_the_setting_that_enables_a_stage_is_an_option_of_its_commands(name: str) -> None:
    kind = stage_class(name)
    for setting in [*kind.models, *([kind.enabled_by[0]] if kind.enabled_by else [])]:
        for command in kind.commands:
            assert setting in inspect.signature(COMMANDS[command]).parameters


def test_every_stage_class_of_ours_is_registered() -> None:
    def concrete(kind: type[Stage]) -> list[type[Stage]]:
        below = [one for sub in kind.__subclasses__() for one in concrete(sub)]
        return below if inspect.isabstract(kind) else [kind, *below]

    for name in stage_names():
        stage_class(name)  # imports all of them
    ours = {one for one in concrete(Stage) if one.__module__.startswith("reelmill.stages.")}
    assert {kind.name for kind in ours} <= set(stage_names())


def test_an_unknown_stage_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no stage 'nonsense'; the stages are: .*transcribe"):
        added_stages(["nonsense"], [], "voice")


def test_a_stage_is_added_only_to_its_commands() -> None:
    with pytest.raises(UsageError, match="layout cannot be added to faces; it works with subtitle"):
        added_stages(["layout"], [], "faces")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("decode.track", "give stage.option=value"),
        ("align.x=1", "add the stage too"),
        ("decode.x=1", "decode has no options"),
    ],
)
def test_a_wrong_stage_option_is_refused(option: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        added_stages(["decode"], [option], "voice")


def test_an_option_that_a_stage_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Options:
        model: str

    monkeypatch.setattr(stage_class("align"), "option_type", Options)
    with pytest.raises(UsageError, match=r"align needs --stage-option align\.model=VALUE"):
        added_stages(["align"], [], "voice")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("no.such.module:Stage", "cannot be imported"),
        ("reelmill.settings:Settings", "is not a Stage"),
        ("reelmill.stages.media.probe:Probe", "is named 'probe'"),
    ],
)
def test_a_package_with_a_wrong_entry_point_is_named(
    value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = EntryPoint("other", value, registry.GROUP)
    monkeypatch.setattr(registry, "_entries", lambda: {"other": entry})
    with pytest.raises(UsageError, match=told):
        stage_class("other")
