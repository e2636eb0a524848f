"""Write the tables of docs/performance.md from the runs that asv has stored: what stands between two marks is replaced.

Usage: ``python benches/performance_tables.py docs/performance.md [TABLE ...]``, by default all tables.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from asv_results import newest
from benchmarks.bench_likelihood import N_LABELS
from benchmarks.bench_limits import PATHS
from benchmarks.peers.likelihood import PEERS
from benchmarks.peers.limits import LIMITS

Rows = list[list[str]]
PLAIN = [peer for peer in PEERS if peer not in {"hemicycle", "numba_blocked"}]
AS_IN_MANUALS = [peer for peer in PLAIN if not peer.endswith("_unrolled")]
# Labels a pair, peers of which the fastest counts, how many times faster ours should be.
AIMS = [
    (1, ["numba"], 20),
    (1, ["torch_compile"], 20),
    (1, ["numpy_gram"], 2),
    *((m, peers, aim) for m, aim in [(5, 14), (40, 40), (1_000, 800)] for peers in (["numba"], AS_IN_MANUALS, PLAIN)),
    (5, ["listing"], 100_000),
]


def figure(value: float) -> str:
    """Return a number as people read it: three digits that count."""
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.3g}"


def peers() -> Rows:
    """Return the rates of ours and of every peer, and how many times faster ours is."""
    rates = newest("bench_likelihood.LogLikelihood.track_rate")

    def cell(n_labels: int, peer: str) -> str:
        key = str(n_labels), peer
        if key not in rates:
            return "-"
        ratio = "" if peer == "hemicycle" else f" ({figure(rates[str(n_labels), 'hemicycle'] / rates[key])}x)"
        return figure(rates[key]) + ratio

    return [head(), *([peer, *(cell(m, peer) for m in N_LABELS)] for peer in PEERS)]


def errors() -> Rows:
    """Return the largest error of a total, in units of the sum of max(1, |log p|) over the pairs."""
    values = newest("bench_likelihood.LogLikelihood.track_error")
    cells = {key: f"{value:.1e}" for key, value in values.items()}
    return [head(), *([peer, *(cells.get((str(m), peer), "-") for m in N_LABELS)] for peer in PEERS)]


def head() -> list[str]:
    return ["labels a pair", *(f"{m:,}" for m in N_LABELS)]


def limits() -> Rows:
    """Return what two threads of the machine can do at most."""
    values = newest("bench_limits.Machine.track_limit")
    return [["limit", "thousand million a second"], *([name, figure(values[(name,)])] for name in LIMITS)]


def roofline() -> Rows:
    """Return the rate of every path, and how close it is to the rate that the scarcest resource allows."""
    machine, rates = newest("bench_limits.Machine.track_limit"), newest("bench_limits.Roofline.track_rate")
    rows = [["path", "million model-pairs/s", "limit", "of", "share"]]
    for name, path in PATHS.items():
        roofs = {what: machine[(what,)] * 1e3 / need for what, need in path.needs.items() if need}
        scarce = min(roofs, key=roofs.__getitem__)
        share = rates[(name,)] / roofs[scarce]
        rows.append([name, figure(rates[(name,)]), figure(roofs[scarce]), scarce, f"{share:.0%}"])
    return rows


def aims() -> Rows:
    """Return what was aimed at, and what was reached; of several peers the fastest counts."""
    rates = newest("bench_likelihood.LogLikelihood.track_rate")
    rows = [["labels a pair", "peer", "aim", "reached"]]
    for n_labels, wanted, aim in AIMS:
        known = {peer: rates[(str(n_labels), peer)] for peer in wanted if (str(n_labels), peer) in rates}
        fastest = max(known, key=known.__getitem__)
        ratio = rates[(str(n_labels), "hemicycle")] / known[fastest]
        rows.append([f"{n_labels:,}", fastest, f"{aim:,}x", f"{figure(ratio)}x"])
    return [row for i, row in enumerate(rows) if row not in rows[:i]]


def least_squares() -> Rows:
    """Return what every solver took, and how good its weights are."""
    runs = "bench_least_squares.LeastSquares.track_"
    seconds, gaps, objectives, supports = (
        newest(runs + what) for what in ("seconds", "relative_gap", "objective", "support")
    )
    rows = [["labels", "models x observations", "solver", "ms", "relative gap", "objective", "support"]]
    for key, value in seconds.items():
        hull, size, peer = key
        time = milliseconds(value, seconds[hull, size, "hemicycle"] if peer != "hemicycle" else None)
        gap = f"{max(gaps[key], 0):.0e}"
        rows.append([f"{hull} the hull", size, peer, time, gap, f"{objectives[key]:.6g}", f"{supports[key]:,.0f}"])
    return rows


def nearest() -> Rows:
    """Return what the optimum nearest to uniform took."""
    runs = "bench_least_squares.Nearest.track_"
    seconds, distances, misfits = (newest(runs + what) for what in ("seconds", "squared_distance", "misfit"))
    rows = [["models x observations", "solver", "ms", "squared distance, in that of ours", "misfit"]]
    for (n_models, peer), value in seconds.items():
        time = milliseconds(value, seconds[n_models, "hemicycle"] if peer != "hemicycle" else None)
        key = n_models, peer
        rows.append([f"{int(n_models):,} x 50", peer, time, f"{distances[key]:.12g}", f"{misfits[key]:.0e}"])
    return rows


def million() -> Rows:
    """Return what a million models took, in products of the matrix with a vector."""
    runs = "bench_least_squares.Million.track_"
    passes, memory, gaps = (newest(runs + what) for what in ("passes", "memory_beside_the_file", "relative_gap"))
    rows = [["labels", "products", "MB beside the file", "relative gap"]]
    return rows + [
        [f"{hull} the hull", figure(passes[(hull,)]), figure(memory[(hull,)]), f"{gaps[(hull,)]:.0e}"]
        for (hull,) in passes
    ]


def stacking() -> Rows:
    """Return what every solver of stacking took, and how good its weights are."""
    runs = "bench_stacking.Stacking.track_"
    seconds, scores, gaps = (newest(runs + what) for what in ("seconds", "score", "gap"))
    rows = [["models x observations", "solver", "ms", "score", "gap"]]
    for (name, peer), value in seconds.items():
        key = name, peer
        time = milliseconds(value, seconds[name, "hemicycle"] if peer != "hemicycle" else None)
        rows.append([name, peer, time, f"{scores[key]:.10f}", f"{max(gaps[key], 0):.0e}"])
    return rows


def stacking_passes() -> Rows:
    """Return what the largest pool took, in passes over its densities."""
    passes = newest("bench_stacking.OnePass.track_passes")
    words = {"product": "`P @ v`, P the densities", "exponentials": "`np.exp(log_density) @ v`"}
    return [["a pass is", "passes"], *([words[kind], figure(passes[(kind,)])] for (kind,) in passes)]


def milliseconds(seconds: float, ours: float | None) -> str:
    return figure(1e3 * seconds) + (f" ({figure(seconds / ours)}x)" if ours else "")


TABLES = {
    "peers": peers,
    "aims": aims,
    "errors": errors,
    "limits": limits,
    "roofline": roofline,
    "least_squares": least_squares,
    "nearest": nearest,
    "million": million,
    "stacking": stacking,
    "stacking_passes": stacking_passes,
}


def markdown(rows: Rows) -> str:
    rule = ["---"] * len(rows[0])
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]])


def main(page: str, *names: str) -> None:
    text = Path(page).read_text(encoding="utf-8")
    for name in names or TABLES:
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        text = marked.sub(lambda match, rows=TABLES[name]: match[1] + markdown(rows()) + "\n" + match[2], text)  # type: ignore[misc]
    Path(page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
