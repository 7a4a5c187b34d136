"""People take turns, and one who sends too much is refused."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from reelmill.web.openai.errors import ApiError
from reelmill.web.openai.limits import EndpointLimits
from reelmill.web.openai.turns import Turns


def test_turns__of_a_person_who_floods__alternate_with_those_of_others() -> None:
    # proves: W2 W4
    async def order() -> list[str]:
        turns, done = Turns(EndpointLimits(at_once=1)), []

        async def ask(person: str) -> None:
            async with turns.turn(person):
                await asyncio.sleep(0)
                done.append(person)

        people = ["flood"] * 6 + ["Kim", "Lee"]
        tasks = [asyncio.create_task(ask(person)) for person in people]
        await asyncio.gather(*tasks)
        return done

    assert asyncio.run(order())[:5] == ["flood", "flood", "Kim", "Lee", "flood"]


def test_turns__of_clients_that_leave__go_to_others() -> None:
    # proves: W2
    async def last() -> str:
        turns = Turns(EndpointLimits(at_once=1))
        done = []

        async def ask(person: str, wait: float = 0.0) -> None:
            async with turns.turn(person):
                await asyncio.sleep(wait)
                done.append(person)

        first = asyncio.create_task(ask("first", 60))
        leaving = [asyncio.create_task(ask("leaving")) for _ in range(3)]
        rest = asyncio.create_task(ask("rest"))
        await asyncio.sleep(0)
        for one in (*leaving, first):
            one.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        await asyncio.wait_for(rest, 60)
        await asyncio.wait_for(ask("later"), 60)
        return ",".join(done)

    assert asyncio.run(last()) == "rest,later"


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        (EndpointLimits(per_client=2), "Kim"),
        (EndpointLimits(per_client=2, requests=3), "Lee"),
    ],
)
def test_present__one_too_many__is_told_when_to_come_again(
    limits: EndpointLimits, refused: str
) -> None:
    # proves: W2 W4
    turns = Turns(limits)
    with turns.present("Kim"), turns.present("Kim"):
        with turns.present("Lee"), pytest.raises(ApiError) as raised, turns.present(refused):
            pass
        assert raised.value.status == 429
        assert int(raised.value.headers()["retry-after"]) >= 1
    with turns.present("Kim"):
        assert not turns.is_idle
    assert turns.is_idle
