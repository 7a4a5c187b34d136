"""How memory is handed out in model workers whose networks take large blocks again and again."""

from __future__ import annotations

from collections.abc import Mapping

#: What glibc's allocator reads when a process begins; others ignore it.
#:
#: A block of more than 32 MB (attention weights of 30 s in Whisper base: 72 MB in each layer) is
#: mapped from the system and given back each time, and the kernel zeroes it page by page: half of
#: the encoder's time. With one arena, without mapping, it is reused; half a GB may stay unused.
KEEP_LARGE_BLOCKS: Mapping[str, str] = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 29),
}
