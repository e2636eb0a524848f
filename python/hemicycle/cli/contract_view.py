"""A contract on a terminal: what is asked and promised, how sure it is, and what else could be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from hemicycle.escaping import printable
from hemicycle.rejects import counted
from hemicycle.terminal import Name, heading, number, percent, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hemicycle.cli.contract import ContractRun

__all__ = ["contract_view"]

SHOWN = 30  #: types that a terminal shows
ROUNDING = 1e-9
TYPES = (
    "data: what a party of the type contributes (m in contract.csv). reward: worth of the model that it is promised "
    "(t), of t_bar that the collective one is worth when such a party is there. rent: what it has above going alone "
    "(in brackets where it would train a model)."
)
ARRANGED = {
    "free riding": "everyone gets the model, whatever it gives",
    "contract": "this one",
    "complete information": "if every cost were known",
}


def contract_view(found: ContractRun) -> list[RenderableType]:
    """Lay out a contract.

    Parameters
    ----------
    found : ContractRun
        What `hemicycle contract` found.

    Returns
    -------
    list of rich renderables
        Parts, in order.
    """
    contract = found.contract
    head = f"Contract for {counted(contract.n_parties, 'party').replace('partys', 'parties')}"
    parts: list[RenderableType] = [heading(f"{head} of {counted(len(contract.m), 'type')}", first=True)]
    parts += [_types(found), _note(TYPES)]
    if len(contract.m) > SHOWN:
        parts.append(_note(f"The first {SHOWN} of {len(contract.m):,} types; contract.csv has all."))
    parts += [heading("What it is worth, and what else could be had"), _arrangements(found)]
    parts += [_note(text) for text in _said(found)]
    return parts


def _types(found: ContractRun) -> RenderableType:
    contract, quality = found.contract, found.types.quality
    costs = found.types.costs
    rows: list[tuple[RenderableType, ...]] = []
    for i, name in zip(range(min(len(contract.m), SHOWN)), found.types.names, strict=False):
        alone = f" ({number(contract.reservation[i], 2)})" if contract.reservation[i] > 0 else ""
        rows.append(
            (
                Name(name), f"{costs[i]:g}", *((f"{quality[i]:g}",) if quality is not None else ()),
                percent(contract.probabilities[i]), number(found.amounts[i], 2), number(contract.t[i], 3),
                number(contract.t_bar[i], 3), number(contract.rent[i], 3) + alone,
            )
        )  # fmt: skip
    heads = (
        "type",
        "cost",
        *(("quality",) if quality is not None else ()),
        "chance",
        "data",
        "reward",
        "t_bar",
        "rent",
    )
    return table(heads, rows, names=(0,), numbers=range(1, len(heads)))


def _arrangements(found: ContractRun) -> RenderableType:
    rows = [
        (
            f"{row['arrangement']}: {ARRANGED[row['arrangement']]}", number(row["expected_value"], 4),
            number(row["expected_accuracy"], 6), number(row["expected_total"], 1),
        )
        for row in found.arrangements()
    ]  # fmt: skip
    data = "data" if found.types.quality is None else "data that counts"
    return table(("", "value", "accuracy", data), rows, names=(0,), numbers=(1, 2, 3), mark=1)


def _said(found: ContractRun) -> list[str]:
    contract, fixed = found.contract, found.fixed
    sure = f"Certified: no contract is better by more than {contract.relative_gap:.0e} of this."
    if not contract.certified:
        sure = f"Not certified, within {contract.relative_gap:.0e} of an upper bound: {contract.reason}."
    elif contract.reason:
        sure = f"Certified: {contract.reason}."
    gain = max(found.rewards.largest_gain, 0.0)
    said = [sure, f"The most that a party gains by reporting the cost of another type: {gain:.1g}."]
    if contract.m.any():
        said.append(
            f"Promised as fixed models, the rewards could not all be handed out in {percent(fixed.any_insolvency)} of "
            f"outcomes, by more than a millionth; as shares of what comes together they always can."
        )
    if not (found.rewards.exact and found.fixed.exact and found.first_best.exact):
        said.append(
            f"Too many outcomes to count all: some figures are from samples, complete information within "
            f"{found.first_best.value_error:.1g}."
        )
    worst = float((contract.own_type - contract.t_bar).min())
    if contract.m.any() and worst < -ROUNDING * contract.expected_value:
        said.append(
            "Rewards are worth what is promised given that a party of the type is there at all. A party that knows its "
            f"type expects up to {-worst:.3g} less of the collective model: own_type in contract.csv."
        )
    if found.fit is not None:
        said.append(
            f"The accuracy is {found.accuracy!r}, fitted with a root mean squared error of {found.fit.rmse:.2g}."
        )
    return said


def _note(text: str) -> RenderableType:
    return Padding(Text(printable(text), style="dim"), (0, 0, 0, 2))
