"""Submissions on disk: an append-only folder that may be larger than memory."""

from hemicycle.store.adding import Added
from hemicycle.store.checking import StoreCheck
from hemicycle.store.compaction import Compacted
from hemicycle.store.store import Store

__all__ = ["Added", "Compacted", "Store", "StoreCheck"]
