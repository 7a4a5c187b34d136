from __future__ import annotations

import gc

import pytest

from reelmill.core.garbage import no_collection


def test_no_collection__an_error_inside__restores_collection() -> None:
    with pytest.raises(ValueError), no_collection():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()


def test_no_collection__collection_was_off__stays_off() -> None:
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
