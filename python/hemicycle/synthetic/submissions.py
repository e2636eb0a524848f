"""The open pool of a synthetic round: families of models, clones, and files that are not valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hemicycle.synthetic.items import PARENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["NO_CAMP", "Defect", "draw_submissions", "make_defects"]

NO_CAMP = -1
CAMP_OF_FAMILY = {"infra": 0, "apps": 1}
FAMILY_SHARES = {
    "infra": 0.2, "apps": 0.2, "noisy": 0.15, "bridge": 0.12, "cautious": 0.1, "market": 0.08, "metric": 0.05,
    "copycat": 0.1,
}  # fmt: skip


class Defect(NamedTuple):
    """An invalid submission: file name, what is wrong with it, and what the file holds."""

    file: str
    defect: str
    text: str


def draw_submissions(
    rng: np.random.Generator, camp_logits: NDArray[np.float64], shares: tuple[float, float], n_models: int
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.int64]]:
    """Draw models of all families and clones of some of them, in order of name."""
    sizes = _sizes(n_models)
    names: list[str] = []
    logits: list[NDArray[np.float64]] = []
    camps: list[NDArray[np.int64]] = []
    for family, n in sizes.items():
        camp = np.full(n, CAMP_OF_FAMILY.get(family, NO_CAMP))
        if family in ("noisy", "cautious"):
            camp = (rng.random(n) >= shares[0]).astype(np.int64)
        names += [f"{family}-{i + 1:0{max(3, len(str(n)))}}" for i in range(n)]
        if family == "copycat":
            source = rng.integers(len(names) - n, size=n)
            copied, camp = np.concatenate(logits)[source], np.concatenate(camps)[source]
            logits.append(copied + np.where(rng.random((n, 1)) < 0.5, 0.0, np.log(10.0) * rng.integers(-3, 4, (n, 1))))
        else:
            logits.append(_family_logits(rng, family, camp_logits, camp, shares))
        camps.append(camp)
    order = np.argsort(names)
    return tuple(names[i] for i in order), np.exp(np.concatenate(logits)[order]), np.concatenate(camps)[order]


def _sizes(n_models: int) -> dict[str, int]:
    """Count the models of each family; what rounding leaves over goes to the first ones."""
    sizes = {family: int(share * n_models) for family, share in FAMILY_SHARES.items()}
    for family in list(sizes)[: n_models - sum(sizes.values())]:
        sizes[family] += 1
    return sizes


def _family_logits(
    rng: np.random.Generator,
    family: str,
    camp_logits: NDArray[np.float64],
    camp: NDArray[np.int64],
    shares: tuple[float, float],
) -> NDArray[np.float64]:
    shape = (len(camp), camp_logits.shape[1])

    def between(low: float, high: float) -> NDArray[np.float64]:
        return rng.uniform(low, high, (shape[0], 1))

    noise = rng.standard_normal(shape)  # (n_models, n_items)
    match family:
        case "metric":
            heavy = np.clip(rng.standard_t(2.5, shape), -8.0, 8.0)
            centre, spread, noise = 6.0 + 0.3 * camp_logits.mean(axis=0), np.full((len(camp), 1), 1.2), heavy
        case "market":
            price = np.log(shares @ (np.exp(camp_logits) / np.exp(camp_logits).sum(axis=1, keepdims=True)))
            centre, spread = price, between(0.1, 0.4)
        case "bridge":
            mix = between(0.3, 0.7)
            centre, spread = mix * camp_logits[0] + (1 - mix) * camp_logits[1], between(0.1, 0.4)
        case "cautious":
            centre, spread = between(0.2, 0.6) * camp_logits[camp], between(0.05, 0.3)
        case "noisy":
            centre, spread = camp_logits[camp], between(0.8, 2.0)
        case _:
            centre, spread = camp_logits[camp], between(0.1, 0.5)
    logits: NDArray[np.float64] = centre + spread * noise
    return logits


def make_defects(items: tuple[str, ...], weights: NDArray[np.float64]) -> Iterator[Defect]:
    """Break one submission for each thing that goes wrong in real rounds."""
    header = "repo,parent,weight"
    rows = [f"{item},{PARENT},{weight!r}" for item, weight in zip(items, weights.tolist(), strict=True)]
    first = rows[0].rpartition(",")[0]

    def made(kind: str, defect: str, lines: list[str]) -> Defect:
        return Defect(f"faulty-{kind}.csv", defect, "".join(f"{line}\n" for line in lines))

    yield made("empty", "an empty file", [])
    yield made("header", "a header and no row", [header])
    yield made("columns", "no column of weights", ["repo,parent,score", *rows])
    yield made("text", "text in a number", [header, f"{rows[0]}C", *rows[1:]])
    yield made("missing", "items are missing", [header, *rows[: -max(1, len(rows) // 10)]])
    yield made("unknown", "an item that is not of the round", [header, *rows, f"elsewhere/unknown,{PARENT},0.01"])
    yield made("twice", "an item twice", [header, *rows, rows[0]])
    yield made("negative", "a negative weight", [header, f"{first},-0.01", *rows[1:]])
    yield made("nan", "a weight that is not a number", [header, f"{first},nan", *rows[1:]])
    yield made("zero", "a weight of zero, which has no logarithm", [header, f"{first},0", *rows[1:]])
