"""What users write or call instead, beside ours: one module a concept, each with a table `PEERS` of name to callable.

A peer imports what it needs when it is made or called, and `require` skips it where that is not installed: an absent
peer is a gap in the table, never a fake.
"""

from __future__ import annotations

import importlib.util
import os

FULL = os.environ.get("HEMICYCLE_BENCH") == "full"  #: the sizes that a release quotes


def require(package: str) -> None:
    """Skip this cell of a benchmark where a package is not installed."""
    if importlib.util.find_spec(package) is None:
        raise NotImplementedError(f"{package} is not installed")
