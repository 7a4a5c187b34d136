"""How a command gets the options of groups."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_type_hints

Command = TypeVar("Command", bound=Callable[..., None])


def takes(*groups: type) -> Callable[[Command], Command]:
    """Add the options of groups to a command, which receives their values by keyword.

    Args:
        groups: classes whose annotated attributes are options. The help lists them in this order.

    Returns:
        A decorator for a command whose last parameter is `**options`.
    """

    def with_options(command: Command) -> Command:
        signature = inspect.signature(command)
        hints = get_type_hints(command, include_extras=True)
        own = [
            one.replace(annotation=hints[name])
            for name, one in signature.parameters.items()
            if one.kind is not one.VAR_KEYWORD
        ]
        parameters = [*own, *(one for group in groups for one in _options(group))]
        # Typer reads a command's parameters from these two.
        vars(command)["__signature__"] = signature.replace(parameters=parameters)
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return with_options


def _options(group: type) -> Iterator[inspect.Parameter]:
    for name, annotation in get_type_hints(group, include_extras=True).items():
        default = getattr(group, name)
        kind = inspect.Parameter.KEYWORD_ONLY
        yield inspect.Parameter(name, kind, default=default, annotation=annotation)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The settings given on the command line. Empty values count as not given."""
    return {name: None if value in ([], "") else value for name, value in options.items()}
