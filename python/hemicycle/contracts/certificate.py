"""Which upper bound proves a contract best: the relaxation's, one by cases, or that of the only contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hemicycle.contracts.upper_bound import only_bound, outer_bound, split_bound

if TYPE_CHECKING:
    from hemicycle.contracts.program import Program
    from hemicycle.contracts.search import Found
    from hemicycle.contracts.upper_bound import Bound

__all__ = ["certificate", "within"]


def certificate(program: Program, found: Found, tol: float) -> Bound:
    """Return an upper bound of the objective over all contracts, as near as it needs to be if it can.

    Parameters
    ----------
    program : Program
        The constraints.
    found : Found
        The contributions whose objective it should be near to.
    tol : float
        Relative distance that is near enough.

    Returns
    -------
    Bound
        The least of those that were tried.
    """
    if found.only:
        return only_bound(program, found.state)
    bound = outer_bound(program, [found.relaxed, program.at(found.m, envelope=True)])
    above = program.parties.n_parties * found.m.min() > program.worth.threshold  # every sum, of absent types, too
    if within(bound, found, tol) or not above:
        return bound
    split = split_bound(program, found.state)
    return split if split.value < bound.value else bound


def within(bound: Bound, found: Found, tol: float) -> bool:
    """Tell whether an objective is within a relative distance of its bound.

    Parameters
    ----------
    bound : Bound
        The upper bound.
    found : Found
        What it bounds.
    tol : float
        The distance.

    Returns
    -------
    bool
        Whether it is.
    """
    return bound.value - found.state.objective.value <= tol * bound.value
