from __future__ import annotations

import gc

import pytest

from reelmill.core.garbage import no_collection


def test_no_collection__a_failure_inside__looks_for_garbage_again_afterwards() -> None:
    with pytest.raises(ValueError), no_collection():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()


def test_no_collection__a_program_that_never_collects__stays_as_it_was() -> None:
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
