"""Saying it when one model takes all: how far the jury is of one mind, and which methods seat more models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.mechanism import SPOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hemicycle.ensemble import Ensemble
    from hemicycle.pairs import Pairs

__all__ = ["DOMINANT", "dominance_notice", "dominance_of", "label_spread"]

DOMINANT = 0.9  #: weight of one model above which a reader is told


def label_spread(pairs: Pairs, sigma: float) -> tuple[int, float, float]:
    """Measure how far the labels of one pair lie apart.

    Parameters
    ----------
    pairs : Pairs
        Labels grouped by pair.
    sigma : float
        Width of the Gaussian at each label, in the unit of ``log_ratio``.

    Returns
    -------
    n_several : int
        Number of pairs with at least two labels; the other two are nan if there are none.
    median_deviation : float
        Median over these pairs of the standard deviation of the labels, weighted within the pair.
    share_apart : float
        Fraction of these pairs whose lowest and highest label lie more than two sigma apart.
    """
    several = np.diff(pairs.offsets) > 1
    if not several.any():
        return 0, np.nan, np.nan
    deviation = pairs.log_ratio - pairs.mean_log_ratio[pairs.pair_of_label]
    squares = np.bincount(pairs.pair_of_label, pairs.weight * deviation**2)
    median_deviation = float(np.median(np.sqrt(squares / pairs.total_weight)[several]))
    width = pairs.log_ratio[pairs.offsets[1:] - 1] - pairs.log_ratio[pairs.offsets[:-1]]  # labels are sorted
    return int(several.sum()), median_deviation, float(np.mean(width[several] > 2 * sigma))


def dominance_notice(ensemble: Ensemble, others: Sequence[Ensemble] | None = None) -> str | None:
    """Return what to tell the reader of an ensemble in which one model has more than 0.9 of the weight.

    Parameters
    ----------
    ensemble : Ensemble
        The ensemble.
    others : sequence of Ensemble, optional
        Ensembles of the other methods, to say what they seat; by default they are formed on the same rows, with the
        options of `ensemble`.

    Returns
    -------
    str or None
        Sentences with the model, its weight, the spread of the labels, the sigma used, the reason, and the effective
        number of models of each method that seats more. None where no model dominates, or the pool has only one.
    """
    top = int(np.argmax(ensemble.weights))
    if len(ensemble.models) == 1 or ensemble.weights[top] <= DOMINANT:
        return None
    if others is None:
        others = ensemble.round.mechanisms(sigma=ensemble.sigma, **ensemble.options)
    more: dict[str, float] = {
        other.method: other.effective_models[0] for other in others if other.weights.max() <= DOMINANT
    }
    pairs, weight = ensemble.round.judgments.pairs, float(ensemble.weights[top])
    return dominance_of(ensemble.method, ensemble.models[top], weight, pairs, ensemble.sigma, more)


def dominance_of(method: str, model: str, weight: float, pairs: Pairs, sigma: float, more: Mapping[str, float]) -> str:
    """Return what to tell the reader of an ensemble in which one model dominates.

    Parameters
    ----------
    method : str
        The method of the ensemble.
    model : str
        The model.
    weight : float
        Its weight.
    pairs : Pairs
        Labels grouped by pair.
    sigma : float
        Width of the Gaussian at each label, in the unit of ``log_ratio``.
    more : mapping of str to float
        Effective number of models of the methods in which none dominates.

    Returns
    -------
    str
        Sentences, as `dominance_notice` has them.
    """
    sentences = [f"{SPOKEN[method]} gives {model} {_shown(weight)} of the weight."]
    n_several, median_deviation, share_apart = label_spread(pairs, sigma)
    if n_several:
        sentences.append(
            f"On the {n_several} pairs with several labels, their median standard deviation is {median_deviation:.2f}, "
            f"and on {share_apart:.0%} they lie more than two sigma apart (sigma {sigma:g})."
        )
    else:
        sentences.append(f"No pair has two labels, so how far jurors differ is not known (sigma {sigma:g}).")
    sentences.append(_reason(method, len(pairs)))
    if more:
        counts = ", ".join(f"{SPOKEN[other]} {n_effective:,.1f}" for other, n_effective in more.items())
        sentences.append(f"Methods that seat more, by their effective number of models: {counts}.")
    return " ".join(sentences)


def _shown(weight: float) -> str:
    """Round down: a weight below 1 is never shown as 1."""
    return "all" if weight == 1 else f"{np.floor(weight * 1e4) / 1e4:.4f}"


def _reason(method: str, n_pairs: int) -> str:
    if method == "bma":
        return (
            f"Averaging multiplies the likelihoods of {n_pairs} pairs, so a small lead on each adds up: the "
            "majority takes all, whatever its share of the labels."
        )
    if method == "best":
        return "This method seats one model by definition."
    return "Mixing in any other model would serve its objective little or not at all."
