"""What the disagreement of the models that pay earns, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hemicycle.diversity.chance import LEAST_EXAMPLES
from hemicycle.diversity.signs import percent
from hemicycle.mechanism import SPOKEN
from hemicycle.terminal import number

if TYPE_CHECKING:
    from hemicycle.outcome import Outcome

__all__ = ["diversity_view"]

SEEN = 0.0005  #: diversity that three decimals show


def diversity_view(outcome: Outcome) -> str:
    """Say what the disagreement of the models that pay earns.

    Parameters
    ----------
    outcome : Outcome
        The run.
    """
    found = next(found for found in outcome.mechanisms if found["method"] == outcome.paid.method)
    parts, name = found["diversity"], f"diversity of {SPOKEN[outcome.paid.method]}"
    mse = number(parts["err"], 3)
    if found["models_with_weight"] == 1:
        return f"{name}: none, as one model has all the weight; its mse is {mse}."
    if parts["div"] < SEEN:
        return f"{name}: hardly any; its models and their average have an mse of {mse}."
    said = (
        f"{name}: its models have an mse of {number(parts['err_bar'], 3)} on average, their average one of {mse}; "
        f"their disagreement earns the {number(parts['div'], 3)} between"
    )
    if len(outcome.round.judgments.pairs) < LEAST_EXAMPLES or not parts["bias_share"]:
        return f"{said}."  # of few pairs chance alone makes a bias
    return f"{said}, {percent(parts['bias_share'])} of it by models that are bolder or more timid throughout."
