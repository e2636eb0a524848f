"""Claims about the labels of one pair and about camps, and the rules by which a measurement becomes a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.claims import Claim, Finding

if TYPE_CHECKING:
    from hemicycle.reproduce.claims import Verdict
    from hemicycle.table import Table

__all__ = ["on_agreeing_labels", "on_divergence", "on_mode_shares", "on_proportionality", "on_seats", "on_two_modes"]

TWO_MODES = Claim(
    "two_modes",
    "labels with two modes",
    "5 labels at +1 and 5 at -1, sigma 0.5: squared error rewards 0; sum-Gaussian rewards -1 and +1 and penalises 0",
    "modes rewarded",
)
MODE_SHARES = Claim(
    "mode_shares",
    "modes of unequal size",
    "The likelihood at a mode is proportional to the share of the labels there",
    "proportional",
)
AGREEING = Claim(
    "agreeing_labels", "labels with one mode", "For labels of one mode sum-Gaussian reduces to the Gaussian", "Gaussian"
)
PROPORTIONAL = Claim(
    "proportional",
    "camps of jurors",
    "Camps of jurors are represented in proportion to their labels",
    "proportional",
)
SEATS = Claim(
    "seats",
    "seats of camps, 300 pairs",
    "Stacking on single labels gives each of two camps its share of the labels, whatever the number of labels a pair",
    "within 0.08",
    by_source=False,
)
NEAR = 0.08  #: of the share
ROUNDING = 1e-12  #: nats
SEATED = {
    "stacking_by_label": "",
    "stacking_by_pair": "stacking on pairs",
    "greedy": "greedy selection on labels",
    "least_squares": "least squares",
    "bma": "averaging",
    "bootstrap": "averaging over bootstrapped juries",
    "power": "the power posterior (0.1)",
}
DIVERGENCE = Claim(
    "divergence",
    "averaging: divergence from truth",
    "Averaging minimises the divergence to the true distribution of labels among all ensembles of the models",
    "least of all",
)


def on_two_modes(table: Table) -> Finding:
    """Judge what is rewarded where labels have two modes.

    Parameters
    ----------
    table : Table
        Of `two_modes`.

    Returns
    -------
    Finding
        It holds if the squared error is least at 0, and the likelihood at 0 is below half of that at both modes.
    """
    at = {value: i for i, value in enumerate(table["prediction"].tolist())}
    zero, modes = at[0.0], [at[-1.0], at[1.0]]
    best = float(table["prediction"][np.argmin(table["mse"])])
    there = float(table["sum_gaussian"][zero] / table["sum_gaussian"][modes].min())
    gaussian = float(table["gaussian"][modes].max() / table["gaussian"][zero])
    return Finding(
        TWO_MODES,
        "holds" if best == 0.0 and there < 0.5 else "does not hold",
        f"{there:.2f} at 0 of that at 1",
        f"Squared error 1 at 0 and 2 at either mode; the Gaussian likelihood of a mode is {gaussian:.0e} of that of 0, "
        f"the sum-Gaussian one of 0 {there:.2f} of that of a mode. From sigma 1 on the two modes merge into one at 0",
        {"best_by_mse": best, "sum_gaussian_zero_over_mode": there, "gaussian_mode_over_zero": gaussian},
    )


def on_mode_shares(table: Table) -> Finding:
    """Judge whether likelihoods at modes are in proportion to their labels.

    Parameters
    ----------
    table : Table
        Of `mode_shares`.

    Returns
    -------
    Finding
        It holds if no share is off by more than 0.001, and with a condition if that depends on sigma.
    """
    off = np.abs(table["likelihood_share"] - table["label_share"])
    worst = {float(sigma): float(off[table["sigma"] == sigma].max()) for sigma in np.unique(table["sigma"])}
    near = [value <= 1e-3 for value in worst.values()]
    verdict: Verdict = "holds" if all(near) else "holds with a condition" if any(near) else "does not hold"
    return Finding(
        MODE_SHARES,
        verdict,
        f"off by at most {min(worst.values()):.4f}",
        "Modes must be far apart in sigma: for modes at +1 and -1 shares are off by at most "
        + ", ".join(f"{value:.4f} at sigma {sigma:g}" for sigma, value in worst.items()),
        {f"off_at_sigma_{sigma:g}": value for sigma, value in worst.items()},
    )


def on_agreeing_labels(table: Table) -> Finding:
    """Judge whether both likelihoods are one where labels agree.

    Parameters
    ----------
    table : Table
        Of `agreeing_labels`.

    Returns
    -------
    Finding
        It holds if optimum and likelihoods agree, and with a condition if only the optimum does.
    """
    best = {name: float(table["prediction"][np.argmax(table[name])]) for name in ("gaussian", "sum_gaussian")}
    half = int(np.argmin(np.abs(table["prediction"] - 0.5)))
    one, ten = float(table["sum_gaussian"][half]), float(table["gaussian"][half])
    verdict: Verdict = "does not hold"
    if best["gaussian"] == best["sum_gaussian"]:
        verdict = "holds" if abs(one - ten) <= 0.01 else "holds with a condition"
    return Finding(
        AGREEING,
        verdict,
        "same optimum, other weights",
        f"Agreeing labels count once, in a product each: a model 0.5 off has {one:.2f} of the best weight under "
        f"sum-Gaussian and {ten:.0e} under the Gaussian of ten labels",
        {"sum_gaussian_half_off": one, "gaussian_half_off": ten},
    )


def on_proportionality(table: Table) -> Finding:
    """Judge whether camps are represented in proportion.

    Parameters
    ----------
    table : Table
        Of `majority_mass`.

    Returns
    -------
    Finding
        It holds if averaging gives the majority its share within 0.01 for any number of pairs, and with a condition if
        it does so for one.
    """
    off = np.abs(table["bma"] - 0.7)
    verdict: Verdict = "holds" if off.max() <= 0.01 else "holds with a condition" if off[0] <= 0.01 else "does not hold"
    at = {int(n): float(mass) for n, mass in zip(table["pairs"], table["bma"], strict=True)}
    label = float(table["stacking_by_label"][-1])
    return Finding(
        PROPORTIONAL,
        verdict,
        f"{at[1]:.2f} for one pair, {at[8]:.3f} for 8",
        f"A camp with 7 of 10 labels has {at[1]:.2f} of the weight of averaging for one pair, {at[3]:.2f} for 3 and "
        f"{at[8]:.3f} for 8: likelihoods multiply over pairs. Stacking on single labels gives it {label:.2f} for any "
        "number of pairs",
        {f"bma_{n}_pairs": mass for n, mass in at.items()} | {"stacking_by_label": label},
    )


def on_seats(table: Table) -> Finding:
    """Judge whom each mechanism seats where juries and models of two camps are drawn.

    Parameters
    ----------
    table : Table
        Of `simulated_camps`.

    Returns
    -------
    Finding
        It holds if stacking on labels is off by no more than 0.08 for any share and number of labels where there are
        most pairs, and with a condition if that is so only where no model stands between the camps.
    """
    most = table["pairs"] == table["pairs"].max()
    worst = {
        bool(bridges): {
            name: float(table[f"{name}_off"][most & (table["bridges"] == bridges)].max()) for name in SEATED
        }
        for bridges in np.unique(table["bridges"])
    }
    apart, between = worst[False], worst[True]
    within = [found["stacking_by_label"] <= NEAR for found in (apart, between)]
    verdict: Verdict = "holds" if all(within) else "holds with a condition" if within[0] else "does not hold"
    others = ", ".join(f"{label} {apart[name]:.2f} and {between[name]:.2f}" for name, label in SEATED.items() if label)
    return Finding(
        SEATS,
        verdict,
        f"off by at most {apart['stacking_by_label']:.2f}",
        "Shares 0.5 to 0.9, 1 to 10 labels a pair. With twenty more models between the camps it is off by at most "
        f"{between['stacking_by_label']:.2f}: at a share of 0.9 those are near to the larger camp. Without and with "
        f"them the others are off by at most: {others}",
        {
            f"{name}_off_{kind}": found[name]
            for kind, found in (("apart", apart), ("between", between))
            for name in SEATED
        },
    )


def on_divergence(table: Table) -> Finding:
    """Judge whether no ensemble is nearer to the truth than averaging.

    Parameters
    ----------
    table : Table
        Of `divergences`.

    Returns
    -------
    Finding
        It holds if no other method is nearer by more than three standard errors, and with a condition if that is so
        where the truth is drawn from the prior, and not for every truth.
    """
    drawn = np.array(table["truth"]) == "model"
    others = ("stacking", "best", "uniform")
    least = np.all([table[o] - table["bma"] >= -3 * table[f"{o}_excess_error"] - ROUNDING for o in others], axis=0)
    verdict: Verdict = "holds" if least.all() else "holds with a condition" if least[drawn].all() else "does not hold"
    two, many = int(np.flatnonzero(drawn)[1]), len(table) - 1
    averaging, stacking = float(table["bma"][many]), float(table["stacking"][many])
    return Finding(
        DIVERGENCE,
        verdict,
        f"{averaging:.2f}, stacking {stacking:.3f}",
        f"Truths drawn from the prior, on average: {table['bma'][two]:.2f} nats after {table['labels'][two]} labels, "
        f"stacking {table['stacking'][two]:.2f}, the likeliest model {table['best'][two]:.2f}, all models alike "
        f"{table['uniform'][two]:.2f}. For a given truth that is a mixture, 70 to 30, averaging settles on one model: "
        f"{averaging:.2f} after {table['labels'][many]} labels, and stacking on labels {stacking:.3f}",
        {
            f"{name}_{kind}": float(table[name][row])
            for name in ("bma", *others)
            for kind, row in (("prior", two), ("mixture", many))
        },
    )
