"""Evidence: what the originals were before and after, what the results are, and whether that still
holds."""

from reelmill.evidence.findings import Finding, Verification
from reelmill.evidence.manifest import MANIFEST
from reelmill.evidence.record import EVIDENCE, OriginalRecord
from reelmill.evidence.verify import verify
from reelmill.evidence.write import Written, add_results, write_evidence

__all__ = [
    "EVIDENCE",
    "MANIFEST",
    "Finding",
    "OriginalRecord",
    "Verification",
    "Written",
    "add_results",
    "verify",
    "write_evidence",
]
