"""`reelmill serve password`, `key` and `people`: who may use a server beyond this machine."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from reelmill.commands.exit_codes import EXIT_DONE
from reelmill.commands.serve import need_extra
from reelmill.core.paths import user_config
from reelmill.core.printable import printable
from reelmill.errors import UsageError, reason
from reelmill.web.security.passwords import (
    FILE_NAME,
    SHORTEST,
    Entry,
    hashed,
    new_key,
    read_people,
    write_people,
)
from reelmill.web.security.people import ROLES


def run_password(name: str, role: str | None, file: Path | None, *, remove: bool) -> int:
    """Give a person a password, asked for on the terminal or read from a pipe; or remove them.

    Raises:
        UsageError: the name, the role or the password cannot be used, or the file not written.
    """
    path, people = _opened(file)
    before = people.get(name)
    if remove:
        if before is None:
            raise UsageError(f"{path}: there is nobody called {name}")
        del people[name]
        _keep(path, people)
        print(printable(f"{name} can no longer log in"))
        return EXIT_DONE
    need_extra()
    _check_name(name)
    chosen = role or ("viewer" if before is None else before.role)
    if chosen not in ROLES:
        raise UsageError(f"--role {chosen}: there are {', '.join(ROLES)}")
    keys = [] if before is None else before.keys
    people[name] = Entry(role=chosen, password=hashed(_asked()), keys=keys)
    _keep(path, people)
    print(printable(f"{name} can log in as {chosen} ({path})"))
    return EXIT_DONE


def run_key(name: str, file: Path | None) -> int:
    """Make a key for programs of a person, and print it.

    Raises:
        UsageError: there is nobody of that name, or the file cannot be written.
    """
    path, people = _opened(file)
    if name not in people:
        raise UsageError(
            f"{path}: there is nobody called {name}; give them a password first, with "
            f"`reelmill serve password {name}`"
        )
    key, kept = new_key()
    people[name].keys.append(kept)
    _keep(path, people)
    print(key)
    print("send it as `Authorization: Bearer KEY`; it is not shown again", file=sys.stderr)
    return EXIT_DONE


def run_people(file: Path | None) -> int:
    """List the people of a password file."""
    _, people = _opened(file)
    for name, entry in sorted(people.items()):
        keys = f", keys: {len(entry.keys)}" if entry.keys else ""
        print(printable(f"{name}  {entry.role}{keys}"))
    return EXIT_DONE


def _opened(file: Path | None) -> tuple[Path, dict[str, Entry]]:
    path = file or user_config() / FILE_NAME
    return path, read_people(path) if path.exists() else {}


def _keep(path: Path, people: dict[str, Entry]) -> None:
    try:
        write_people(path, people)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({reason(error)})") from error


def _check_name(name: str) -> None:
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= 100:
        raise UsageError(f"{printable(name)!r}: not a name; give up to 100 letters")
    if name == "local":
        raise UsageError("local is whoever has the token of a server; choose another name")


def _asked() -> str:
    """A password, twice from a terminal, once from a pipe."""
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Again: "):
            raise UsageError("the two passwords differ; nothing was changed")
    if len(password) < SHORTEST:
        raise UsageError(f"a password has at least {SHORTEST} characters; nothing was changed")
    return password
