"""Options come from groups, and each sets a setting."""

from __future__ import annotations

from typing import Annotated, Any, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from reelmill.cli import app as cli
from reelmill.cli.options import faces, subtitle, takes, voice
from reelmill.cli.options.shared import Run, Sharing
from reelmill.settings import Settings

GROUPS = {"voice": voice.GROUPS, "subtitle": subtitle.GROUPS, "faces": faces.GROUPS}
#: Where the settings come from, how the run goes; and the name of one in 0.1.
NOT_SETTINGS = {"config", *get_type_hints(Run), *get_type_hints(Sharing), "residency"}


class Fruit:
    apples: Annotated[int, typer.Option(min=1, help="How many.")] = 3
    kinds: Annotated[list[str] | None, typer.Option("--kind")] = None


class MoreFruit(Fruit):
    apples: Annotated[int, typer.Option(max=9, help="Of those that are sold.")] = 4


@pytest.mark.parametrize(
    ("group", "arguments", "given"),
    [
        (Fruit, [], {"apples": 3, "kinds": None}),
        (
            Fruit,
            ["--apples", "5", "--kind", "a", "--kind", "b"],
            {"apples": 5, "kinds": ["a", "b"]},
        ),
        (MoreFruit, [], {"apples": 4, "kinds": None}),
    ],
)
def test_takes__options_of_a_group__come_by_keyword(
    group: type, arguments: list[str], given: dict[str, Any]
) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []
    shop = typer.Typer()

    @shop.command()
    @takes(group)
    def buy(place: str, **options: Any) -> None:
        seen.append((place, options))

    done = CliRunner().invoke(shop, ["market", *arguments])
    assert done.exit_code == 0, done.output
    assert seen == [("market", given)]


def test_takes__a_group_that_restates_an_option__has_its_limits() -> None:
    shop = typer.Typer()

    @shop.command()
    @takes(MoreFruit)
    def buy(**options: Any) -> None:
        raise AssertionError(options)

    done = CliRunner().invoke(shop, ["--apples", "10"])
    assert done.exit_code == 2 and "--apples" in done.output


@pytest.mark.parametrize("command", GROUPS)
def test_every_option_sets_a_setting(command: str) -> None:
    names = [
        parameter.name
        for parameter in typer.main.get_command(cli.app).commands[command].params  # type: ignore[attr-defined]
        if parameter.name not in ("inputs", "help")
    ]
    assert len(names) == len(set(names)) > 25
    assert set(names) - NOT_SETTINGS <= set(Settings.model_fields)
