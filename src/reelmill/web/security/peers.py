"""Which program a request comes from, where all programs have the token that the server printed.

Limits and turns go by client. A key of the password file is a client, as a person who has logged in
is. The server's own token is the same for all programs of this machine, so there a client is the
process at the other end of the connection, which Linux tells; elsewhere, the address.
"""

from __future__ import annotations

import contextlib
import ipaddress
import struct
import sys
from collections import OrderedDict
from pathlib import Path

_PROC = Path("/proc")
#: Connections that are remembered.
_MOST = 4096

Address = tuple[str, int]


class Peers:
    """The processes behind connections from this machine."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Address, Address], str] = OrderedDict()
        #: Processes that connected before, the last one at the end: most connections are theirs.
        self._before: OrderedDict[int, None] = OrderedDict()

    def name(self, client: Address, server: Address) -> str:
        """A name for whoever is at the other end: `process 123`, or the address."""
        if not _is_local(client[0]):
            return client[0]
        key = (client, server)
        found = self._known.get(key)
        # A closed connection's port may be another program's now.
        inode = _inode(client, server)
        if found is None or not found.startswith(f"{inode} "):
            process = None if inode is None else self._process(inode)
            found = f"{inode} {client[0] if process is None else f'process {process}'}"
            self._known[key] = found
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found.partition(" ")[2]

    def _process(self, inode: int) -> int | None:
        before = list(reversed(self._before))
        for process in (*before, *(one for one in _processes() if one not in self._before)):
            if _has(process, inode):
                self._before[process] = None
                self._before.move_to_end(process)
                while len(self._before) > _MOST:
                    self._before.popitem(last=False)
                return process
            self._before.pop(process, None)
        return None


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _processes() -> list[int]:
    """The newest first."""
    try:
        names = [one.name for one in _PROC.iterdir()]
    except OSError:
        return []
    return sorted((int(one) for one in names if one.isdecimal()), reverse=True)


def _has(process: int, inode: int) -> bool:
    """Whether a process has a socket open, as far as it may be looked at."""
    try:
        opened = list((_PROC / str(process) / "fd").iterdir())
    except OSError:
        return False
    wanted = f"socket:[{inode}]"
    for one in opened:
        with contextlib.suppress(OSError):
            if str(one.readlink()) == wanted:
                return True
    return False


def _inode(client: Address, server: Address) -> int | None:
    """The socket at the client's end, by the kernel's table of connections; 0 is one that has no
    process any more."""
    wanted = (_hex(*client), _hex(*server))
    table = _PROC / "net" / ("tcp6" if ":" in client[0] else "tcp")
    try:
        lines = table.read_text("ascii").splitlines()[1:]
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if (fields[1], fields[2]) == wanted:
            return int(fields[9]) or None
    return None


def _hex(host: str, port: int) -> str:
    """An address as that table has it: words of four bytes in the machine's order."""
    packed = ipaddress.ip_address(host).packed
    order = "<" if sys.byteorder == "little" else ">"
    words = struct.unpack(f"{order}{len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
