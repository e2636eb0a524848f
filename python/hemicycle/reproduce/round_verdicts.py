"""Expectations of ensembles, and the rules by which private rows become verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hemicycle.reproduce.claims import Claim, Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hemicycle.reproduce.claims import Verdict
    from hemicycle.reproduce.rounds import Prediction

__all__ = ["PLAIN_SIGMA", "on_rounds"]

PLAIN_SIGMA = 0.5  #: the width that the proposal uses
BEATS_BEST = Claim(
    "ensemble_over_best",
    "stacking over the best model",
    "An ensemble (stacking on labels) predicts private rows better than the model that is best on public rows",
    "better",
)
BMA_OVER_LEAST_SQUARES = Claim(
    "bma_over_least_squares",
    "averaging over least squares",
    "Bayesian model averaging predicts private rows better than least squares",
    "better",
)
LABELS_OVER_BMA = Claim(
    "stacking_over_bma",
    "stacking over averaging",
    "Stacking on labels predicts private rows better than Bayesian model averaging",
    "better",
    by_source=False,
)
LABELS_OVER_LEAST_SQUARES = Claim(
    "stacking_over_least_squares",
    "stacking over least squares",
    "Stacking on labels predicts private rows better than least squares",
    "better",
    by_source=False,
)
WEIGHTS_OVER_NONE = Claim(
    "stacking_over_uniform",
    "stacking over equal weights",
    "Weights that public rows decide (stacking on labels) predict private rows better than equal ones",
    "better",
    by_source=False,
)
WIDTH = Claim(
    "width",
    "the width of a label",
    "A Gaussian of width 0.5 around each model describes what jurors say",
    "0.5",
)
COMPARED = (
    (BEATS_BEST, "stacking", "best"),
    (BMA_OVER_LEAST_SQUARES, "bma", "least_squares"),
    (LABELS_OVER_BMA, "stacking", "bma"),
    (LABELS_OVER_LEAST_SQUARES, "stacking", "least_squares"),
    (WEIGHTS_OVER_NONE, "stacking", "uniform"),
)


def on_rounds(predictions: Sequence[Prediction], replicates: int, seed: int) -> tuple[Finding, ...]:
    """Judge every expectation.

    Parameters
    ----------
    predictions : sequence of Prediction
        One a pool.
    replicates, seed : int
        Of the Bayesian bootstrap over jurors.

    Returns
    -------
    tuple of Finding
        An ensemble predicts better if the central 90 percent of the difference of log scores, each at the width that
        public rows chose, are above 0: the expectation holds if they are in all pools, and does not if they are below 0
        in all. With a condition it holds if they are above in some and below in none; else it is not decided.
    """
    compared = [_compared(claim, first, other, predictions, replicates, seed) for claim, first, other in COMPARED]
    return (*compared, _on_width(predictions))


def _compared(
    claim: Claim, first: str, other: str, predictions: Sequence[Prediction], replicates: int, seed: int
) -> Finding:
    told: list[str] = []
    numbers: dict[str, float] = {}
    signs: list[int] = []
    for k, prediction in enumerate(predictions):
        places = prediction.place(first), prediction.place(other)
        plain = prediction.place(first, PLAIN_SIGMA), prediction.place(other, PLAIN_SIGMA)
        best = tuple(prediction.place(method, prediction.best_width(method)) for method in (first, other))
        elpd, low, high = prediction.difference(*places, "elpd", replicates, seed)
        mse, mse_low, mse_high = prediction.difference(*places, "mse", replicates, seed)
        narrow, narrow_low, narrow_high = prediction.difference(*plain, "elpd", replicates, seed)
        late, late_low, late_high = prediction.difference(best[0], best[1], "elpd", replicates, seed)
        signs.append(1 if low > 0 else -1 if high < 0 else 0)
        told.append(
            f"With {prediction.round.name}: log score {elpd:+.1f} ({low:+.1f} to {high:+.1f}) at the widths that "
            f"public rows chose, {narrow:+.0f} ({narrow_low:+.0f} to {narrow_high:+.0f}) at 0.5, {late:+.1f} "
            f"({late_low:+.1f} to {late_high:+.1f}) at those that private rows would choose; squared error {mse:+.3f} "
            f"({mse_low:+.3f} to {mse_high:+.3f})"
        )
        numbers |= {
            f"elpd_{k}": elpd,
            f"elpd_low_{k}": low,
            f"elpd_high_{k}": high,
            f"elpd_plain_{k}": narrow,
            f"mse_{k}": mse,
        }
    found = ", ".join(f"{numbers[f'elpd_{k}']:+.1f}" for k in range(len(predictions)))
    return Finding(claim, _verdict(signs), f"log score {found}", ". ".join(told), numbers)


def _verdict(signs: Sequence[int]) -> Verdict:
    if all(sign > 0 for sign in signs):
        return "holds"
    if all(sign < 0 for sign in signs):
        return "does not hold"
    return "holds with a condition" if max(signs) > 0 and min(signs) == 0 else "not decided"


def _on_width(predictions: Sequence[Prediction]) -> Finding:
    """Judge the plain width: it holds if stacking chooses one within a factor of 1.5 of it in all pools."""
    chosen = [prediction.sigma["stacking"] for prediction in predictions]
    tables = [prediction.evaluation.table() for prediction in predictions]
    covered = [
        [float(table["coverage_90"][prediction.place("stacking", sigma)]) for sigma in (PLAIN_SIGMA, None)]
        for table, prediction in zip(tables, predictions, strict=True)
    ]
    holds = all(2 / 3 <= sigma / PLAIN_SIGMA <= 3 / 2 for sigma in chosen)
    widths = " and ".join(f"{sigma:.2g}" for sigma in chosen)
    best = " and ".join(f"{prediction.best_width('stacking'):.2g}" for prediction in predictions)
    return Finding(
        WIDTH,
        "holds" if holds else "does not hold",
        widths,
        f"Public rows choose {widths} for stacking, private rows would choose {best}; "
        + "; ".join(
            f"with {prediction.round.name} {plain:.0%} of the private rows lie in the central 90% at 0.5, and "
            f"{own:.0%} at the width chosen"
            for prediction, (plain, own) in zip(predictions, covered, strict=True)
        ),
        {f"sigma_{k}": sigma for k, sigma in enumerate(chosen)}
        | {f"coverage_90_plain_{k}": plain for k, (plain, _) in enumerate(covered)}
        | {f"coverage_90_chosen_{k}": own for k, (_, own) in enumerate(covered)},
    )
