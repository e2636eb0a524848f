"""Workers of a Dask scheduler: reached, and seeing what they are to read, before any work is given to them."""

from __future__ import annotations

import asyncio
import hashlib
import os
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemicycle._core import __version__
from hemicycle.errors import OptionError, StoreError
from hemicycle.extras import extra_module
from hemicycle.rejects import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["look", "workers_of"]

SHARED = "the store and the out folder must lie under the same path on every worker, as on a shared file system"
PATIENCE = 10  #: seconds, to answer, and to have a worker


@contextmanager
def workers_of(
    address: str, files: Sequence[Path], writable: Path, say: Callable[[str], None] | None = None
) -> Iterator[Any]:
    """Give a client of a scheduler whose workers see the same files, and close it afterwards.

    Parameters
    ----------
    address : str
        Of the scheduler, such as tcp://HOST:8786.
    files : sequence of Path
        Files that every worker must see as they are here.
    writable : Path
        A folder that every worker must be able to write to.
    say : callable, optional
        Told how many workers there are.

    Raises
    ------
    MissingExtraError
        If distributed is not installed.
    OptionError
        If no scheduler answers there, it has no workers, or one of them cannot do the work: it says which and why.
    StoreError
        If the scheduler is lost meanwhile.
    """
    distributed = extra_module("distributed", "a scheduler needs", "dask")
    _require_scheduler(distributed, address)
    with distributed.Client(address, timeout=PATIENCE, set_as_default=False) as client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise OptionError(f"scheduler: {address} has no workers; start some: dask worker {address}") from None
        expected = {str(path.absolute()): _hash(path) for path in files}
        _require_fit(client.run(look, expected, str(writable.absolute()), on_error="return"))
        if say is not None:
            say(f"{counted(len(client.scheduler_info(n_workers=-1)['workers']), 'worker')} of {address}")
        try:
            yield client
        except (CancelledError, distributed.comm.CommClosedError) as error:
            raise StoreError(
                f"scheduler: {address} was lost ({error}); what was scored stays, and the same command goes on"
            ) from error


def _require_scheduler(distributed: Any, address: str) -> None:
    """See that a scheduler answers, without a client that would go on trying."""

    async def asked() -> dict[str, Any]:
        async with distributed.rpc(address) as scheduler:
            told: dict[str, Any] = await asyncio.wait_for(scheduler.identity(), PATIENCE)
            return told

    try:
        kind = asyncio.run(asked()).get("type")
    except ValueError as error:
        raise OptionError(f"scheduler: {error}; give an address such as tcp://HOST:8786") from error
    except (TimeoutError, OSError) as error:
        remedy = "dask scheduler prints the address of one"
        raise OptionError(f"scheduler: no answer from {address} within {PATIENCE} s; {remedy}") from error
    except Exception as error:  # whatever is there says what it wants
        raise OptionError(f"scheduler: {address} is no Dask scheduler ({type(error).__name__}: {error})") from error
    if kind != "Scheduler":
        raise OptionError(f"scheduler: {address} is a {kind}; give the address of its scheduler")


def look(expected: Mapping[str, str], writable: str) -> tuple[str, str]:
    """Return the version of hemicycle in this process, and why it cannot do the work, or nothing; a worker does this.

    Parameters
    ----------
    expected : mapping of str to str
        Hash of each file.
    writable : str
        The folder to write to.
    """
    for path, sha256 in expected.items():
        try:
            found = _hash(Path(path))
        except OSError as error:
            return __version__, f"cannot read {path} ({error.strerror}); {SHARED}"
        if found != sha256:
            return __version__, f"sees another {path}; {SHARED}"
    return __version__, "" if os.access(writable, os.W_OK) else f"cannot write to {writable}; {SHARED}"


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _require_fit(told: Mapping[str, Any]) -> None:
    """Refuse workers that cannot do the work."""
    for worker, answer in told.items():
        if isinstance(answer, BaseException):
            what = f"{type(answer).__name__}: {answer}"
            raise OptionError(f"scheduler: worker {worker} cannot run hemicycle, install it there ({what})")
        version, fault = answer
        if version != __version__:
            raise OptionError(f"scheduler: worker {worker} has hemicycle {version}; install {__version__} there")
        if fault:
            raise OptionError(f"scheduler: worker {worker} {fault}")
