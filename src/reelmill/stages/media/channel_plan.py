"""Decide what is done with the channels of a recording, and describe it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reelmill.artifacts import Finding
from reelmill.artifacts.media import channel_names
from reelmill.core.arrays import Bool, Int16
from reelmill.errors import InputError
from reelmill.stages.media.channel_levels import (
    Leak,
    Levels,
    Likeness,
    correlation,
    find_leak,
    likeness,
    loudness,
    measure,
    sample_speech,
    sides,
)

#: A channel is silent if fewer frames than this in all (0.3 s) are louder than this.
_SILENT_DB, _SOUND_FRAMES = -65.0, 10
#: Two channels with at least the first correlation have the same sound. With at most the second,
#: one is inverted before averaging, because they would partly cancel.
_SAME, _OPPOSED = 0.9, -0.3
#: A channel with the same sound that is this many decibels quieter is left out of the average.
_MUCH_QUIETER_DB = 6.0
#: If two channels have the same sound with a delay, their difference in level varies by at most
#: this.
_SAME_GAIN_DB = 3.0
#: The least seconds of speech in a channel in which somebody speaks.
_SPOKEN_SECONDS = 0.3
#: One person per channel: in this share of speech one channel is this many decibels louder than all
#: others, and each channel is so for a while.
_ONE_SIDED_SHARE, _ONE_SIDED_DB = 0.6, 6.0
_LEAST_SECONDS, _LEAST_SHARE = 0.5, 0.01
#: Channels also have one person each if no two are more similar than this, by sound and by level.
_RELATED = 0.3
#: Indices of the centre and the bass channel in the layouts 5.1, 6.1 and 7.1.
_CENTRE, _BASS = 2, 3
#: The centre has the dialogue if it has at least this share of the speech of any other channel.
_CENTRE_SHARE = 0.5


@dataclass(frozen=True)
class ChannelPlan:
    """What is done with the channels, counted from 0.

    Attributes:
        gains: of each channel in the mixed sound; 0 if it is left out.
        apart: those recognized separately; empty if the mixed sound is recognized.
        leaks: leaks that are muted in those.
        text: one line about what was found and done.
    """

    gains: tuple[float, ...]
    text: str
    apart: tuple[int, ...] = ()
    leaks: tuple[Leak, ...] = ()

    @property
    def finding(self) -> Finding:
        return Finding("channels", text=self.text)


def plan_channels(channels: Sequence[Int16], layout: str, asked: str) -> tuple[ChannelPlan, Levels]:
    """Decide by measurements what is done with the channels of a recording.

    Args:
        channels: two or more, int16 at 16 kHz, of one length; may be memory maps.
        layout: the layout named in the file, as FFmpeg calls it.
        asked: `auto`, `mix`, `split`, or the number of one channel, counted from 1.

    Raises:
        InputError: there is no channel of that number.
    """
    levels = measure(channels)
    planning = _Planning(channels, levels, layout)
    if asked == "auto":
        return planning.auto(), levels
    if asked == "mix":
        return planning.mixed(range(len(channels)), "all channels were averaged, as asked"), levels
    if asked == "split":
        everything = range(len(channels))
        text = f"{planning.listed(everything)} were recognized each on its own, as asked"
        return planning.apart(everything, text, leaks=()), levels
    number = int(asked)
    if not 1 <= number <= len(channels):
        raise InputError(
            f"there is no channel {number}: the recording has {len(channels)}, counted from 1"
        )
    return planning.only(
        number - 1, f"only {planning.names[number - 1]} was read, as asked"
    ), levels


@dataclass(frozen=True)
class _Same:
    """Channels with the same sound: indices and signs; `relation` describes them in words, if there
    are several."""

    places: tuple[int, ...]
    signs: tuple[int, ...]
    relation: str = ""

    @property
    def first(self) -> int:
        return self.places[0]


class _Planning:
    def __init__(self, channels: Sequence[Int16], levels: Levels, layout: str) -> None:
        self._channels, self._levels, self._layout = channels, levels, layout
        self.names = channel_names(len(channels))
        self._loud = loudness(levels.db, _SOUND_FRAMES) if levels.db.shape[1] else None

    def auto(self) -> ChannelPlan:
        """The plan if no particular one was asked for."""
        everything = range(len(self._channels))
        if self._loud is None:
            return self.mixed(everything, "the channels were averaged")
        loud = self._loud
        audible = [at for at in everything if loud[at] > _SILENT_DB]
        if not audible:
            return self.mixed(everything, "all channels are silent")
        silent = [at for at in everything if at not in audible]
        groups = self._groups(sorted(audible, key=lambda at: (-loud[at], at)))
        plan = self._of_groups(groups)
        said = [plan.text]
        if silent:
            said = [f"{self.listed(silent)} {_is(silent)} silent", *said]
        said += [
            one.relation
            for one in groups
            if one.relation and plan.gains[one.first] and one.relation not in plan.text
        ]
        return ChannelPlan(plan.gains, "; ".join(said), plan.apart, plan.leaks)

    def _groups(self, audible: Sequence[int]) -> list[_Same]:
        """Group channels with the same sound, the loudest first."""
        found: list[_Same] = []
        for at in audible:
            for number, group in enumerate(found):
                joined = self._joined(group, at)
                if joined is not None:
                    found[number] = joined
                    break
            else:
                found.append(_Same((at,), (1,)))
        return sorted(found, key=lambda group: group.first)

    def _joined(self, group: _Same, at: int) -> _Same | None:
        """The group with one more channel; None if that has another sound."""
        first, name, other = group.first, self.names[group.first], self.names[at]
        alike = float(self._levels.correlation[first, at])
        if abs(alike) >= _SAME:
            relation = f"{self.listed(sorted((first, at)))} are the same"
            if alike < 0:
                relation = (
                    f"{other} is {name} inverted (they would cancel each other) and was turned over"
                )
            if group.relation:
                relation = f"{group.relation}; {relation}"
            assert self._loud is not None
            if self._loud[first] - self._loud[at] > _MUCH_QUIETER_DB:
                return _Same(group.places, group.signs, f"{relation}; {name}, the louder, was read")
            sign = 1 if alike > 0 else -1
            return _Same((*group.places, at), (*group.signs, sign), relation)
        delay = self._delay(first, at)
        if delay is None:
            return None
        late = f"{abs(delay) / 16:.1f} ms {'later' if delay > 0 else 'earlier'}"
        relation = f"{other} is {name} {late}; {name} was read"
        return _Same(group.places, group.signs, "; ".join(filter(None, (group.relation, relation))))

    def _delay(self, one: int, other: int) -> int | None:
        """By how many samples a channel lags behind another with the same sound; None if the sound
        is not the same. With two people who leak into each other's channel, sometimes one is louder
        and sometimes the other."""
        there = self._likeness(one, other)
        if there.alike < _SAME:
            return None
        back = self._likeness(other, one)
        if back.alike < _SAME:
            return None
        gains = max(there.most_gain, -back.least_gain) - min(there.least_gain, -back.most_gain)
        return there.delay if gains < _SAME_GAIN_DB else None

    def _likeness(self, one: int, other: int) -> Likeness:
        return likeness(self._channels[one], self._channels[other], self._levels.db[one])

    def _of_groups(self, groups: Sequence[_Same]) -> ChannelPlan:
        if len(groups) == 1:
            (one,) = groups
            return self._one(one, one.relation or f"{self.names[one.first]} was read")
        speech = [
            sample_speech(self._channels[one.first], self._levels.db[one.first]) for one in groups
        ]
        speaking = [at for at, one in enumerate(speech) if one.seconds >= _SPOKEN_SECONDS]
        if not speaking:
            return self._all(groups, "nobody was heard in any channel; they were averaged")
        others = [
            self.names[at] for n, one in enumerate(groups) if n not in speaking for at in one.places
        ]
        left_out = f"nobody speaks in {_and(others)}" if others else ""
        seconds = {place: speech[at].seconds for at in speaking for place in groups[at].places}
        if self._is_surround(seconds):
            name = self.names[_CENTRE]
            text = f"{self._layout} with dialogue in the centre ({name}), which was read"
            return self.only(_CENTRE, text)
        if len(speaking) == 1:
            one = groups[speaking[0]]
            return self._one(one, f"{left_out}; {self._named(one)} was read")
        people = self._people(
            [groups[at].first for at in speaking], [speech[at].level for at in speaking]
        )
        if people is not None:
            text = "; ".join(filter(None, (people.text, left_out)))
            return ChannelPlan(people.gains, text, people.apart, people.leaks)
        same = "the same voices are heard in"
        spoken = [groups[at] for at in speaking]
        text = f"{same} {_and([self._named(one) for one in spoken])}; they were averaged"
        return self._all(spoken, "; ".join(filter(None, (text, left_out))))

    def _is_surround(self, seconds: dict[int, float]) -> bool:
        """Whether the file's layout has a centre and the sound agrees: speech in the centre and
        none in the bass. A recorder with a microphone per person would have speech there."""
        if not self._layout.startswith(("5.1", "6.1", "7.1")) or len(self._channels) < 6:
            return False
        if seconds.get(_BASS, 0.0) >= _SPOKEN_SECONDS:
            return False
        return seconds.get(_CENTRE, 0.0) >= _CENTRE_SHARE * max(seconds.values())

    def _people(self, places: Sequence[int], speech: Sequence[float]) -> ChannelPlan | None:
        """The plan in which each of these channels has one person; None if they do not."""
        db = self._levels.db[list(places)]
        compared = sides(db, speech)
        alone = compared.one_sided(_ONE_SIDED_DB)
        active = int(np.count_nonzero(compared.active))
        own: Sequence[int] = range(len(places))
        if not self._unrelated(places, compared.active):
            if not active or np.count_nonzero(alone) < _ONE_SIDED_SHARE * active:
                return None
            heard = [compared.seconds(at, _ONE_SIDED_DB) for at in own]
            least = max(_LEAST_SECONDS, _LEAST_SHARE * sum(heard))
            own = [at for at in own if heard[at] >= least]
            if len(own) < 2:
                name = self.names[places[int(np.argmax(heard))]]
                text = f"the voice in {name}, which was read, is the only one; others have its echo"
                return self.only(self.names.index(name), text)
        leaks = [
            Leak(places[leak.source], places[leak.into], leak.gain, leak.frames)
            for source in own
            for into in own
            if source != into
            for leak in [
                find_leak(source, into, db, alone & (compared.loudest == source), speech[source])
            ]
            if leak is not None
        ]
        people = [places[at] for at in own]
        text = f"{self.listed(people)} have different people; each was recognized on its own"
        for leak in leaks:
            text += (
                f"; {self.names[leak.source]} leaks into {self.names[leak.into]} "
                f"({leak.gain:.0f} dB) and was muted there"
            )
        return self.apart(people, text, leaks)

    def _unrelated(self, places: Sequence[int], active: Bool) -> bool:
        """Whether all channels are unrelated: neither their sound, at any delay, nor their levels
        correlate."""
        for one, other in combinations(places, 2):
            db = self._levels.db[[one, other]][:, active]
            if db.shape[1] < 2 or correlation(db[0], db[1]) > _RELATED:
                return False
            if self._likeness(one, other).alike > _RELATED:
                return False
        return True

    def mixed(self, places: Sequence[int], text: str) -> ChannelPlan:
        """The average of `places`; a channel that would cancel the loudest is inverted first."""
        loudest = places[0]
        if self._loud is not None:
            loud = self._loud
            loudest = max(places, key=lambda at: (loud[at], -at))
        gains = [0.0] * len(self._channels)
        turned = []
        for at in places:
            opposed = at != loudest and self._levels.correlation[loudest, at] < _OPPOSED
            gains[at] = (-1 if opposed else 1) / len(places)
            if opposed:
                turned.append(self.names[at])
        if turned:
            text += f"; {_and(turned)} had been inverted and was turned over"
        return ChannelPlan(tuple(gains), text)

    def _all(self, groups: Sequence[_Same], text: str) -> ChannelPlan:
        """Every group has the same weight, however many channels have its sound."""
        plan = self.mixed([one.first for one in groups], text)
        gains = [0.0] * len(self._channels)
        for one in groups:
            for at, sign in zip(one.places, one.signs, strict=True):
                gains[at] = plan.gains[one.first] * sign / len(one.places)
        return ChannelPlan(tuple(gains), plan.text)

    def _one(self, group: _Same, text: str) -> ChannelPlan:
        gains = [0.0] * len(self._channels)
        for at, sign in zip(group.places, group.signs, strict=True):
            gains[at] = sign / len(group.places)
        return ChannelPlan(tuple(gains), text)

    def only(self, place: int, text: str) -> ChannelPlan:
        """One channel, without the others."""
        return self._one(_Same((place,), (1,)), text)

    def apart(self, places: Sequence[int], text: str, leaks: Sequence[Leak]) -> ChannelPlan:
        """Each of `places` separately; the mixed sound is their average."""
        plan = self.mixed(places, text)
        return ChannelPlan(plan.gains, text, tuple(places), tuple(leaks))

    def listed(self, places: Sequence[int]) -> str:
        """Their names, joined as in a sentence."""
        return _and([self.names[at] for at in places])

    def _named(self, group: _Same) -> str:
        return self.listed(group.places)


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _is(places: Sequence[int]) -> str:
    return "is" if len(places) == 1 else "are"
