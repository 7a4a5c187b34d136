"""Evidence: what the originals were before and after, what the results are, and whether that still
holds."""

from reelmill.evidence.custody import CUSTODY, Head
from reelmill.evidence.custody import head as custody_head
from reelmill.evidence.findings import Finding, Verification
from reelmill.evidence.manifest import MANIFEST
from reelmill.evidence.record import EVIDENCE, OriginalRecord
from reelmill.evidence.verify import verify
from reelmill.evidence.write import Written, add_results, write_evidence

__all__ = [
    "CUSTODY",
    "EVIDENCE",
    "MANIFEST",
    "Finding",
    "Head",
    "OriginalRecord",
    "Verification",
    "Written",
    "add_results",
    "custody_head",
    "verify",
    "write_evidence",
]
