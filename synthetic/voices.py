"""Voices of the demo: espeak-ng variants, which of them training may hear, and their ranges."""

from dataclasses import dataclass
from random import Random
from typing import Literal

ESPEAK_LANGUAGE = {"en": "en-us", "ko": "ko", "ja": "ja"}

TRAINING_VARIANTS = (
    "m1", "m2", "m3", "m4", "m5", "m7", "m8", "f1", "f2", "f4", "f5",
    "Andy", "Annie", "Diogo", "Gene", "Mario", "Michael", "steph",
    "Alex", "Alicia", "AnxiousAndy", "Henrique", "Hugo", "Jacky", "Lee", "Nguyen", "RicishayMax",
    "Storm", "adam", "anika", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "croak",
    "david", "ed", "edward", "grandma", "grandpa", "gustave", "iven", "iven3", "kaukovalta",
    "klatt", "klatt3", "linda", "marcelo", "max", "michel", "miguel", "norbert", "pablo", "pedro",
    "quincy", "rob", "robert", "sandro", "shelby", "steph2", "travis", "victor", "zac",
)  # fmt: skip
HELD_OUT_VARIANTS = (
    "m6", "f3", "Andrea", "Denis", "Gene2", "Marco", "Mike", "john", "paul", "steph3",
)  # fmt: skip
# Training uses the whole range, and so does everything else.
SPEED = (130, 215)
PITCH = (25, 75)


@dataclass(frozen=True)
class Voice:
    """How a speaker sounds: an espeak-ng variant, words per minute, and pitch (0 to 99).

    With `program` flite, `variant` is one of its voices, in English, and the pitch is its own.
    """

    variant: str
    speed: int = 170
    pitch: int = 50
    program: Literal["espeak", "flite"] = "espeak"

    def name(self, language: str) -> str:
        """The voice as espeak-ng names it."""
        return f"{ESPEAK_LANGUAGE[language]}+{self.variant}"


#: People who do not sound alike. espeak-ng's variants are settings of one synthesizer: m1, m3
#: and john are the same man to any listener, so a meeting has at most one of such a family.
CAST = (
    Voice("kal16", 170, program="flite"),
    Voice("awb", 165, program="flite"),
    Voice("rms", 170, program="flite"),
    Voice("slt", 175, program="flite"),
    Voice("m3", 165, 30),
    Voice("f3", 175, 60),
    Voice("m7", 160, 45),
    Voice("steph", 170, 50),
    Voice("Andrea", 180, 55),
    Voice("Michael", 165, 40),
)


def random_voice(rng: Random, *, held_out: bool = False) -> Voice:
    """A voice from the training set, or one that training never heard."""
    variants = HELD_OUT_VARIANTS if held_out else TRAINING_VARIANTS
    return Voice(rng.choice(variants), rng.randint(*SPEED), rng.randint(*PITCH))


def distinct_voices(rng: Random, count: int, *, held_out: bool = False) -> list[Voice]:
    """Voices of `count` different variants."""
    variants = list(HELD_OUT_VARIANTS if held_out else TRAINING_VARIANTS)
    return [
        Voice(variant, rng.randint(*SPEED), rng.randint(*PITCH))
        for variant in rng.sample(variants, count)
    ]
