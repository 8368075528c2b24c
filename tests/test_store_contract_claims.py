"""Being the only one to do something on a store."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import stores
from siemstress.store.base import Claim, Store
from stores import Opener, events, put

HOLDER = """
import sys, pathlib, stores, time
store = stores.STORES[sys.argv[1]](pathlib.Path(sys.argv[2]))
claim = store.claim("work")
print(claim is not None, flush=True)
time.sleep(600)
"""


def test_one_has_a_claim_at_a_time(opened: Opener) -> None:
    one, other = opened(), opened()
    put(one, "Auth", events(1))
    mine = one.claim("work")
    assert mine is not None
    assert mine.held()
    assert other.claim("work") is None
    assert one.claim("work") is None
    else_ = other.claim("other-work")
    assert else_ is not None
    mine.release()
    assert not mine.held()
    mine.release()
    theirs = other.claim("work")
    assert theirs is not None
    assert one.claim("work") is None
    assert theirs.held()
    assert else_.held()
    for claim in (theirs, else_):
        claim.release()


def _soon(store: Store) -> Claim | None:
    """A claim; a server may need a moment to see that a connection has ended."""
    for _ in range(100):
        if claim := store.claim("work"):
            return claim
        time.sleep(0.05)
    return None


def test_a_claim_ends_with_its_process(kind: str, opened: Opener, tmp_path: Path) -> None:
    store = opened()
    put(store, "Auth", events(1))
    for _ in range(2):
        with stores.python(HOLDER, kind, tmp_path) as child:
            assert child.stdout
            assert child.stdout.readline() == "True\n"
            assert store.claim("work") is None
            child.send_signal(signal.SIGKILL)
            child.wait()
            claim = _soon(store)
            assert claim is not None
            claim.release()


def test_a_store_that_is_not_there_yet(opened: Opener) -> None:
    store = opened()
    claim = store.claim("work")
    assert claim is not None
    put(store, "Auth", events(1))
    if claim.held():  # It was there after all.
        assert opened().claim("work") is None
    claim.release()
    assert store.claim("work") is not None
    assert store.tables() == ["Auth"]
