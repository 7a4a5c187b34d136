"""Options of the commands, in groups by subject.

A group is a class whose annotated attributes are options, named as the settings they give; a new
option is an attribute of the group it belongs to. `takes` gives a command the options of groups.
"""

from reelmill.cli.options.groups import takes

__all__ = ["takes"]
