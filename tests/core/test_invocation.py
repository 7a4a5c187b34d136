"""The command line as it is kept in records."""

from __future__ import annotations

from reelmill.core.invocation import as_typed, typed, without_secrets


def test_passwords_in_addresses_are_not_kept() -> None:
    typed(["voice", "calls", "--broker", "rediss://:geh@eim@broker:6380/0?ssl_cert_reqs=required"])
    kept = as_typed()
    assert kept is not None and "eim" not in kept and "broker:6380" in kept
    assert without_secrets("amqp://me:geheim@host// failed") == "amqp://***@host// failed"
    assert without_secrets("redis://host:6379/0, me@host") == "redis://host:6379/0, me@host"
