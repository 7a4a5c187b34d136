"""People, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from reelmill.web.errors import Refused

#: `viewer`: looks at runs and results. `editor`: also makes runs and corrects. `admin`: also
#: changes runs of others.
Role = Literal["viewer", "editor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Person:
    """Whoever sent a request, by name, and what they may do. `key` tells apart the keys of their
    programs; `is_shared`: many programs may be the same person, because all have one token."""

    name: str
    role: Role
    key: str = field(default="", compare=False)
    is_shared: bool = field(default=False, compare=False)

    def may(self, role: Role) -> bool:
        """Whether they may do what needs that role."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def require(self, role: Role) -> None:
        """Raise Refused where they may not do what needs that role."""
        if not self.may(role):
            raise Refused(
                403,
                "forbidden",
                f"{self.name} is {self.role} here, and this needs {role}; ask whoever runs the "
                "server",
            )


def role_for(method: str) -> Role:
    """The role that a request needs by default."""
    return "viewer" if method in ("GET", "HEAD") else "editor"
