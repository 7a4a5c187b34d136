"""Which program is at the other end of a connection."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from reelmill.web.security.peers import Peers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_has_the_process_at_its_other_end(host: str) -> None:
    # proves: W4
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip("no such address here")
    peers = Peers()
    with listening:
        port = listening.getsockname()[1]
        connecting = f"import socket; s = socket.create_connection(({host!r}, {port})); input()"
        other = subprocess.Popen([sys.executable, "-c", connecting], stdin=subprocess.PIPE)
        theirs, address = listening.accept()
        with theirs, socket.create_connection((host, port)) as ours:
            named = [peers.name(one[:2], (host, port)) for one in (address, ours.getsockname())]
            assert named == [f"process {other.pid}", f"process {os.getpid()}"]
            assert peers.name(address[:2], (host, port)) == named[0]
        other.communicate(b"\n", timeout=60)
        assert peers.name(address[:2], (host, port)) == host, "it has ended"


def test_elsewhere_an_address_is_a_client() -> None:
    assert Peers().name(("192.0.2.7", 4000), ("192.0.2.1", 8765)) == "192.0.2.7"
