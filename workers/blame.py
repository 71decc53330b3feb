"""Whose trouble is it when the store fails: its own, or that of one object?"""

from __future__ import annotations

from collections.abc import Sequence

from catalog.asset_store import AssetStore
from catalog.errors import ObjectFailed, StoreError, StoreRefused, StoreUnavailable

_TROUBLE = (StoreUnavailable, StoreRefused)


def blamed(store: AssetStore, found: Sequence[Exception | None]) -> list[Exception | None]:
    """What became of requests for different objects, None where it went well, with the blame where it belongs.

    A store that is away is waited for as long as it takes. Where it serves others, its failure is the object's own
    trouble, ObjectFailed, and that must end one day.
    """
    failed = [isinstance(error, _TROUBLE) for error in found]
    if not any(failed) or (all(failed) and not _answers(store)):
        return list(found)
    return [ObjectFailed(str(error)) if bad else error for error, bad in zip(found, failed, strict=True)]


def _answers(store: AssetStore) -> bool:
    try:
        store.exists("models/none")
    except StoreError:
        return False
    return True
