"""Options of the commands, in groups by subject.

A group is a class whose annotated attributes are options. Each has the name of the setting it
gives. To add an option, add an attribute to the group it belongs to. `takes` adds groups of options
to a command.
"""

from reelmill.cli.options.groups import takes

__all__ = ["takes"]
