"""Lists of what was turned away, in files of a store."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from hemicycle.errors import StoreError
from hemicycle.rejects import Reject, Rejects
from hemicycle.store.durable import read_regular, write_durably
from hemicycle.store.fragments import REMEDY
from hemicycle.store.manifest import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from hemicycle.store.manifest import Manifest

__all__ = ["all_refused", "read_refused", "write_refused"]


def write_refused(folder: Path, rejects: Rejects) -> Refused:
    """Write what was turned away to a store; nothing refers to it yet."""
    content = msgspec.json.encode(rejects)
    refused = Refused(hashlib.sha256(content).hexdigest(), len(content), len(rejects))
    write_durably(refused.path(folder), content)
    return refused


def read_refused(folder: Path, refused: Refused) -> Rejects:
    """Read what was turned away together.

    Raises
    ------
    StoreError
        If the file is gone or damaged.
    """
    path = refused.path(folder)
    content = read_regular(path, refused.n_bytes, REMEDY)
    if hashlib.sha256(content).hexdigest() != refused.sha256:
        raise StoreError(f"{path}: its content is not what was written; {REMEDY}")
    try:
        return msgspec.json.decode(content, type=tuple[Reject, ...])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise StoreError(f"{path}: holds no rejects: {error}") from error


def all_refused(folder: Path, manifest: Manifest) -> dict[Reject, None]:
    """Read all that was turned away, in the order in which it came, each once."""
    found: dict[Reject, None] = {}
    for refused in manifest.refusals:
        found.update(dict.fromkeys(read_refused(folder, refused)))
    return found
