"""`reelmill verify`: check originals and results against the evidence."""

from __future__ import annotations

import re
from pathlib import Path

from reelmill.core.printable import printable
from reelmill.errors import UsageError

_SHA256 = re.compile(r"[0-9a-f]{64}")


def run_verify(
    out: Path,
    *,
    strict: bool = False,
    manifest_sha256: str | None = None,
    custody_head: str | None = None,
    signer: str | None = None,
    tsa_ca: Path | None = None,
) -> int:
    """Check one folder of results, or all those in `out`; return the exit code.

    Raises:
        UsageError: there is no evidence, the hash is not valid, or a hash is given for several
            folders.
    """
    from reelmill.evidence.custody.proofs import Trust, signer_of
    from reelmill.evidence.verify import runs_in, verify

    trust = Trust(
        None if signer is None else signer_of(signer),
        None if tsa_ca is None else tsa_ca.read_bytes(),
    )
    kept = None if manifest_sha256 is None else _hash("--manifest-sha256", manifest_sha256)
    head = None if custody_head is None else _hash("--custody-head", custody_head)
    folders, worst = runs_in(out), 0
    if (kept or head) and len(folders) > 1:
        raise UsageError(
            f"{out}: has {len(folders)} folders of results, but --manifest-sha256 and "
            "--custody-head apply to one; name that folder"
        )
    for folder in folders:
        verification = verify(
            folder, strict=strict, manifest_sha256=kept, custody_head=head, trust=trust
        )
        if len(folders) > 1:
            print(printable(str(folder)))
        print("\n".join(verification.lines()))
        worst = max(worst, verification.exit_code)
    return worst


def _hash(option: str, text: str) -> str:
    """The SHA-256 in lower case. Raises UsageError when `text` is not one."""
    sha256 = text.strip().lower()
    if _SHA256.fullmatch(sha256) is None:
        raise UsageError(
            f"{option} {text}: not a SHA-256; give the 64 digits (0-9, a-f) that the run "
            "printed at its end"
        )
    return sha256
