"""Keep time stamps ascending where recordings were joined or a recorder's clock was set back."""

from __future__ import annotations

from typing import Any

#: A step back of more than this, s, is another recording's clock; a smaller one is disorder.
_JUMP_SECONDS = 0.3


class Monotonic:
    """Gives packets decoding times that never go back, as muxers require."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._moved = 0.0

    def place(self, packet: Any) -> None:
        """Change a packet's times if they are before earlier ones of its stream."""
        tick = float(packet.time_base)
        last = self._last.get(packet.stream_index)
        self._shift(packet, round(self._moved / tick))
        if last is not None and packet.dts <= last:
            back = (last - packet.dts) * tick
            if back > _JUMP_SECONDS:
                step = last - packet.dts + max(1, packet.duration or 1)
                self._moved += step * tick
                self._shift(packet, step)
            else:
                packet.dts = last + 1
                if packet.pts is not None:
                    packet.pts = max(packet.pts, packet.dts)
        self._last[packet.stream_index] = packet.dts

    def _shift(self, packet: Any, ticks: int) -> None:
        packet.dts += ticks
        if packet.pts is not None:
            packet.pts += ticks
