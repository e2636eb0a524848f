"""The optimal contract: what to ask of each type and what to promise, when types are known to the parties alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import float_array, require_length, require_non_negative
from hemicycle.contracts.certificate import certificate, within
from hemicycle.contracts.contract import Contract, Multipliers, Residuals
from hemicycle.contracts.extra import clarabel_module, optimize_module
from hemicycle.contracts.low_outcomes import low_outcomes
from hemicycle.contracts.parties import checked_parties
from hemicycle.contracts.program import contract_program, least_utilities
from hemicycle.contracts.search import best_contributions
from hemicycle.contracts.valuation import model_value
from hemicycle.errors import NotConvergedError
from hemicycle.options import positive_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.contracts.accuracy import Accuracy
    from hemicycle.contracts.program import Program
    from hemicycle.contracts.search import Found
    from hemicycle.contracts.upper_bound import Bound
    from hemicycle.contracts.valuation import Valuation

__all__ = ["optimal_contract"]


def optimal_contract(
    costs: ArrayLike,
    probabilities: ArrayLike,
    n_parties: int,
    *,
    accuracy: Accuracy | None = None,
    valuation: Valuation | None = None,
    reservation_utility: ArrayLike | None = None,
    tol: float = 1e-6,
    progress: Callable[[int, float], None] | None = None,
) -> Contract:
    r"""Return the contract with the best collective model that parties of unknown types sign and tell the truth in.

    Each of N parties draws its type independently. The coordinator offers (m_i, t_i): contribute m_i units of data, be
    rewarded with a model that is worth t_i in expectation.

    .. math::
        \max_{m, t} \; E\, a\Big(\sum_j n_j m_j\Big) \quad \text{subject to} \quad
        t_i - c_i m_i \ge f_i, \quad t_i - c_i m_i \ge t_j - c_i m_j, \quad
        t_i \le E\Big[v\Big(a\Big(\sum_j n_j m_j\Big)\Big) \Big| n_i \ge 1\Big]

    for all types i and j: parties take part, tell their type, and no model is promised that is better than the
    collective one.

    Parameters
    ----------
    costs : array_like of float, shape (n_types,)
        Cost of a unit of data, above 0, in any order. Types of equal cost are one type and get one contract.
    probabilities : array_like of float, shape (n_types,)
        Of a party to be of each type, at least 0, with sum 1. A type without probability gets a contract, too: that of
        the limit.
    n_parties : int
        N, at least 1.
    accuracy : Accuracy, optional
        From data to accuracy, by default `GeneralizationBound`.
    valuation : Valuation, optional
        From accuracy to worth, by default ``LinearValuation(100)``.
    reservation_utility : array_like of float, shape (n_types,), optional
        f, what each type has if it does not sign, at least 0. By default its best utility alone, see `reservation`. Of
        types with equal cost the largest counts.
    tol : float, default 1e-6
        Largest `relative_gap` of the result. Must be > 0.
    progress : callable, optional
        Told the number of quadratic programs solved and the objective after each.

    Returns
    -------
    Contract
        With its certificate: `upper_bound` holds for all contracts, whatever they ask. Of the utilities that go with
        the optimal contributions the least are chosen. If an outcome has too little data for any accuracy, the program
        is not convex: the contract is then the best that was found, and ``certified`` is False, with `reason`. It is
        False, too, where an accuracy has an attribute `concave` that is False.

    Raises
    ------
    MissingExtraError
        If clarabel or scipy is not installed.
    DtypeError, ShapeError, NonFiniteError
        If an argument is not numbers, is not finite or has the wrong length.
    DomainError
        If a cost is not above 0, a probability or a utility negative, the probabilities do not sum to 1, `n_parties` is
        below 1, the accuracy never saturates, or `reservation_utility` is more than any contract can give.
    NotConvergedError
        If the gap stays above `tol` although the program is convex; `weights` are the best contributions.
    KeyboardInterrupt
        Soon after Ctrl-C.

    Notes
    -----
    With utilities u = t - c m as variables, all constraints but the last are linear and those of neighbouring types
    imply the others. The last is concave where every outcome has enough data, so the program is convex. It is solved by
    a sequence of quadratic programs with exact second derivatives (Clarabel). The upper bound comes from tangent planes
    of the concave envelope, raised by the errors of the expectations, by a linear program (HiGHS). Expectations cost
    O(n_types**2) whatever N. Their Jacobian and Hessian are a diagonal and a product of few terms, some five with a
    hundred parties, so that the programs are sparse: each iteration of about ten quadratic programs costs
    O(n_types n_terms**2). Outcomes without a model, at most 50,000, are listed: O(n_types**2) for each.

    References
    ----------
    B. Wang et al., Paid with Models: Optimal Contract Design for Collaborative Machine Learning, AAAI 2025.

    Examples
    --------
    >>> contract = optimal_contract([0.2, 0.16, 0.12, 0.08, 0.04], [0.2] * 5, 10)
    >>> contract.m.round(2).tolist(), round(contract.expected_value, 4)
    ([391.91, 391.91, 391.91, 391.91, 425.39], 86.4783)
    >>> contract.certified, contract.relative_gap < 1e-9
    (True, True)
    """
    clarabel_module()
    optimize_module()
    tolerance = positive_number(tol, "tol")
    parties = checked_parties(costs, probabilities, n_parties)
    given = float_array(costs, "costs", 1), float_array(probabilities, "probabilities", 1)
    worth = model_value(accuracy, valuation)
    utility = None if reservation_utility is None else _merged_utility(reservation_utility, parties.place)
    program = contract_program(parties, utility, worth)
    found = best_contributions(program, progress)
    bound = certificate(program, found, tolerance)
    if found.m.any() and not found.only and not within(bound, found, tolerance):  # by better fits, on sums that occur
        program = contract_program(parties, utility, worth, parties.n_parties * float(found.m.max()))
        states = program.at(found.m, envelope=False), program.at(found.m, envelope=True)
        found = replace(found, state=states[0], relaxed=states[1])
        other = certificate(program, found, tolerance)
        bound = other if other.value < bound.value else bound
    contract = _contract(program, found, bound, given, tolerance)
    convex = getattr(worth.accuracy, "concave", True) and not program.low(found.m)
    if convex and not contract.relative_gap <= tolerance:
        raise NotConvergedError(
            f"the relative gap is {contract.relative_gap:.1e} after {found.passes} quadratic programs, above tol = "
            f"{tolerance:g}; raise tol",
            contract.m,
            contract.gap,
            found.passes,
        )
    return contract


def _merged_utility(given: ArrayLike, place: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the utility of not taking part of each merged type: the largest of its members."""
    utilities: NDArray[np.float64] = float_array(given, "reservation_utility", 1)
    require_length(utilities, "reservation_utility", len(place), "costs")
    require_non_negative(utilities, "reservation_utility")
    merged = np.zeros(int(place.max()) + 1)
    np.maximum.at(merged, place, utilities)
    return merged


def _contract(
    program: Program,
    found: Found,
    bound: Bound,
    given: tuple[NDArray[np.float64], NDArray[np.float64]],
    tol: float,
) -> Contract:
    """Put the result together, in the order in which types were given."""
    parties, unit, state, m = program.parties, program.unit, found.state, found.m
    utility = least_utilities(program, m)
    t = utility + parties.costs * m
    expected = (state.objective.value, state.reward.value) if m.any() else (0.0, 0.0)  # of no data, without rounding
    accuracy, upper = expected[0] / unit, bound.value / unit
    upper = max(upper, accuracy)
    concave = getattr(program.worth.accuracy, "concave", True)
    pointless = bound.value <= program.nothing
    relative = 0.0 if pointless else (upper - accuracy) / upper
    lowest, low = _low(program, m)
    reason = _reason(program, m, lowest, low, relative, tol)
    place, n = parties.place, program.n_types
    return Contract(
        costs=given[0].copy(),
        probabilities=given[1].copy(),
        n_parties=parties.n_parties,
        m=m[place],
        t=t[place],
        utility=utility[place],
        rent=(utility - program.reservation)[place],
        reservation=program.reservation[place],
        t_bar=state.reward.conditional[place],
        own_type=state.reward.own_type[place],
        expected_accuracy=accuracy,
        expected_value=expected[1],
        upper_bound=upper,
        gap=upper - accuracy,
        relative_gap=relative,
        certified=relative <= tol and (low == 0.0 or pointless) and concave,
        reason=reason,
        multipliers=Multipliers(
            rationality=bound.linear[:n] / unit,
            incentive_up=bound.linear[n : 2 * n - 1] / unit,
            incentive_down=bound.linear[2 * n - 1 : 3 * n - 2] / unit,
            feasibility=bound.feasibility / unit,
        ),
        residuals=_residuals(program, m, t, state.reward.conditional),
        error=float(max(state.reward.error, state.reward.conditional_error.max())),
        lowest_sum=lowest,
        low_probability=low,
        passes=found.passes,
    )


def _residuals(
    program: Program, m: NDArray[np.float64], t: NDArray[np.float64], t_bar: NDArray[np.float64]
) -> Residuals:
    utility = t - program.parties.costs * m
    other = t[None, :] - program.parties.costs[:, None] * m[None, :]  # (n_types, n_types), of a report
    worst = (program.reservation - utility).max(), (other - utility[:, None]).max(), (t - t_bar).max()
    return Residuals(*(max(0.0, float(violation)) for violation in worst))


def _low(program: Program, m: NDArray[np.float64]) -> tuple[float, float]:
    """Return the least sum that types with a probability may bring, and the probability of one without accuracy."""
    parties = program.parties
    present = parties.probabilities > 0
    lowest, threshold = parties.n_parties * float(m[present].min()), float(program.worth.threshold)
    if lowest > threshold or threshold == 0.0:
        return lowest, 0.0
    amounts, group = np.unique(m[present], return_inverse=True)
    together = np.bincount(group, parties.probabilities[present]).astype(np.float64)
    low = low_outcomes(amounts, together, parties.n_parties, np.nextafter(threshold, np.inf))
    return lowest, float(min(1.0, low.probability.sum() + low.pruned))


def _reason(program: Program, m: NDArray[np.float64], lowest: float, low: float, relative: float, tol: float) -> str:
    """Say what the numbers alone do not."""
    if not m.any() and relative == 0.0:
        return "nobody contributes: no contract makes data worth its cost"
    if low > 0.0:
        return (
            f"with probability {low:.3g} less than {program.worth.threshold:.6g} comes together, which makes no model "
            "(the least sum is "
            f"{lowest:.6g}): the program is not convex there. upper_bound holds, but a better contract may exist "
            "within the gap"
        )
    if getattr(program.worth.accuracy, "concave", True) is False:
        return "the accuracy is not concave above its threshold: upper_bound need not hold"
    if relative > tol:
        return (
            f"a sum may be as low as {lowest:.6g}, where the accuracy is below its concave envelope: upper_bound "
            "holds, but a better contract may exist within the gap"
        )
    return ""
