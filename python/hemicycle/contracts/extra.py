"""The solvers that contracts need, imported when they are used."""

from __future__ import annotations

from typing import Any

from hemicycle.extras import extra_module

__all__ = ["clarabel_module", "optimize_module", "sparse_module"]


def clarabel_module() -> Any:
    """Return clarabel.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    return _extra("clarabel")


def sparse_module() -> Any:
    """Return scipy.sparse.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    return _extra("scipy.sparse")


def optimize_module() -> Any:
    """Return scipy.optimize.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    return _extra("scipy.optimize")


def _extra(name: str) -> Any:
    return extra_module(name, "contracts need", "contracts")
