"""Submissions that say nothing, or what no jury could have said: few rules, each with its reason."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hemicycle.rejects import counted, excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hemicycle.items import Items
    from hemicycle.judgments import Judgments

__all__ = ["Oddity", "degenerate"]

SAME_WEIGHT = 0.01  #: of a log ratio: the smallest multiplier but 1 that people give is 1.1
SEVERAL = 3  #: items; of two it is a statement to weigh the same
MODEST = math.log(10.0)  #: log ratio that no jury makes absurd by not going so far
TOO_LARGE = 2.0  #: times the largest log ratio of the jury
BLOCK = 1 << 19  #: numbers looked at together
MAX_EXPONENT = 700.0  #: whose exponential a double holds


class Oddity(NamedTuple):
    """What is odd about a model: the rule, its number, and the reason in words."""

    model: int
    rule: str
    evidence: float
    reason: str


class _Parent(NamedTuple):
    """A parent with judged items: its name, its columns, which of them were judged, and in how many pairs."""

    name: str
    columns: NDArray[np.int64]
    judged: NDArray[np.int64]
    unjudged: NDArray[np.int64]
    n_pairs: int


def degenerate(logits: NDArray[Any], judgments: Judgments) -> list[Oddity]:
    r"""Look for models that say nothing, or what no jury could have said.

    Let Y be the largest :math:`|\text{log ratio}|` that any juror gave to any pair, or ln 10 where that is larger: few
    jurors who all say "a little more" do not make ten times as much absurd.

    - "uniform": all judged items have one weight, to one percent, in every parent, or in some parent with three judged
      items or more.
    - "extreme ratio": a judged pair has a log ratio beyond 2 Y. It is then further from every answer that any juror
      gave, to any pair, than a model that knows nothing and says 0: :math:`|\mu - y| > Y \ge |0 - y|`.
    - "one item": an item outweighs all others of its parent together, at least two, by a log ratio beyond Y.
    - "unjudged items": the mean item that nobody judged outweighs the mean judged one of its parent by a log ratio
      beyond Y: nearly all of the money would go where no judgment can tell.

    Parameters
    ----------
    logits : ndarray of float, shape (n_models, n_items)
        Finite logits, natural log.
    judgments : Judgments
        Of these items. Where none has a log ratio only the first rule is asked.

    Returns
    -------
    list of Oddity
        By model, rules in this order; evidence is the part of the judged pairs that are left uniform, the largest
        log ratio over Y, or the share of the item or of the unjudged items.

    Notes
    -----
    O(n_models n_items) time, and the pairs only of models that spread a parent over more than Y, which the last three
    rules need; in blocks of bounded memory.
    """
    counts = judgments.weight > 0
    a, b = judgments.a[counts], judgments.b[counts]
    pairs = np.unique(np.sort(np.stack([a, b], axis=1), axis=1), axis=0)  # (n_pairs, 2)
    ratios = np.abs(judgments.log_ratio[counts & judgments.is_cardinal])
    largest = float(ratios.max(initial=MODEST)) if len(ratios) else np.inf
    parents, names = _parents(pairs, judgments), judgments.items.hostless_names
    found: list[Oddity] = []
    rows = max(1, BLOCK // max(logits.shape[1], len(pairs)))
    for start in range(0, len(logits), rows):
        block = np.asarray(logits[start : start + rows], dtype=np.float64)
        odd = [*_uniform(block, parents, len(pairs))]
        wide = np.flatnonzero(_spread(block, judgments.items) > largest)
        if len(wide):
            spread = block[wide]
            rules = (
                _extreme(spread, pairs, names, largest),
                _one_item(spread, judgments.items, names, largest),
                _unjudged(spread, parents, largest),
            )
            odd += [oddity._replace(model=int(wide[oddity.model])) for rule in rules for oddity in rule]
        odd.sort(key=lambda oddity: oddity.model)
        found += [oddity._replace(model=start + oddity.model) for oddity in odd]
    return found


def _spread(block: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
    """Return the largest spread of a model's logits within one parent, shape (n_models,)."""
    order = np.argsort(items.parent_index, kind="stable")
    starts = np.searchsorted(items.parent_index[order], np.arange(items.n_parents))
    by_parent = block if items.n_parents == 1 else block[:, order]
    highest, lowest = (extreme.reduceat(by_parent, starts, axis=1) for extreme in (np.maximum, np.minimum))
    widest: NDArray[np.float64] = np.max(highest - lowest, axis=1)
    return widest


def _parents(pairs: NDArray[np.int64], judgments: Judgments) -> list[_Parent]:
    items = judgments.items
    parent_of = items.parent_index
    judged = np.zeros(len(items), dtype=bool)
    judged[pairs.ravel()] = True
    n_pairs = np.bincount(parent_of[pairs[:, 0]], minlength=items.n_parents)
    found = []
    for parent in np.flatnonzero(n_pairs).tolist():
        columns = np.flatnonzero(parent_of == parent)
        known = judged[columns]
        name = items.parent_names[parent]
        found.append(_Parent(name, columns, columns[known], columns[~known], int(n_pairs[parent])))
    return found


def _uniform(block: NDArray[np.float64], parents: list[_Parent], n_pairs: int) -> Iterator[Oddity]:
    flat = np.array([np.ptp(block[:, parent.judged], axis=1) <= SAME_WEIGHT for parent in parents])
    several = np.array([len(parent.judged) >= SEVERAL for parent in parents])
    enough = sum(len(parent.judged) for parent in parents) >= SEVERAL
    part = np.array([parent.n_pairs for parent in parents]) @ flat / n_pairs  # (n_models,)
    for model in np.flatnonzero((flat & several[:, None]).any(axis=0) | (flat.all(axis=0) & enough)).tolist():
        of = [parent for parent, is_flat in zip(parents, flat[:, model], strict=True) if is_flat]
        where = "" if len(of) == len(parents) else f" of {_named(of)}"
        yield Oddity(model, "uniform", float(part[model]), f"gives every judged item{where} the same weight, to 1%")


def _extreme(
    block: NDArray[np.float64], pairs: NDArray[np.int64], names: list[str], largest: float
) -> Iterator[Oddity]:
    log_ratio = block[:, pairs[:, 1]] - block[:, pairs[:, 0]]  # (n_models, n_pairs)
    worst = np.argmax(np.abs(log_ratio), axis=1)
    for model in np.flatnonzero(np.abs(log_ratio[np.arange(len(block)), worst]) > TOO_LARGE * largest).tolist():
        value = float(log_ratio[model, worst[model]])
        low, high = pairs[worst[model]].tolist() if value > 0 else pairs[worst[model]].tolist()[::-1]
        said = f"weighs {excerpt(names[high])} {_times(abs(value))} times {excerpt(names[low])}"
        reason = f"{said}; no judgment goes beyond {_times(largest)}"
        yield Oddity(model, "extreme ratio", abs(value) / largest, reason)


def _one_item(block: NDArray[np.float64], items: Items, names: list[str], largest: float) -> Iterator[Oddity]:
    lead = np.full(len(block), -np.inf)  # log odds of the heaviest item against the others of its parent
    heaviest, every = np.zeros(len(block), dtype=np.int64), np.arange(len(block))
    order = np.argsort(items.parent_index, kind="stable")
    bounds = np.searchsorted(items.parent_index[order], np.arange(items.n_parents + 1))
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if stop - start < SEVERAL:
            continue
        columns = order[start:stop]
        others = block[:, columns]
        top = np.argmax(others, axis=1)
        heavy = others[every, top]
        others[every, top] = -np.inf
        odds = heavy - _log_sum(others)
        heaviest = np.where(odds > lead, columns[top], heaviest)
        lead = np.maximum(lead, odds)
    for model in np.flatnonzero(lead > largest).tolist():
        name = excerpt(names[heaviest[model]])
        reason = f"weighs {name} {_times(lead[model])} times all other items of its parent together"
        reason += f"; no judgment goes beyond {_times(largest)}"
        yield Oddity(model, "one item", 1.0 / (1.0 + math.exp(-lead[model])), reason)


def _unjudged(block: NDArray[np.float64], parents: list[_Parent], largest: float) -> Iterator[Oddity]:
    most = np.full(len(block), -np.inf)
    share = np.zeros(len(block))
    where = np.zeros(len(block), dtype=np.int64)
    for place, parent in enumerate(parents):
        if not len(parent.unjudged):
            continue
        unjudged, judged = (_log_sum(block[:, columns]) for columns in (parent.unjudged, parent.judged))
        lead = unjudged - judged - math.log(len(parent.unjudged) / len(parent.judged))
        better = lead > most
        share = np.where(better, 1.0 / (1.0 + np.exp(np.clip(judged - unjudged, -700, 700))), share)
        where, most = np.where(better, place, where), np.where(better, lead, most)
    for model in np.flatnonzero(most > largest).tolist():
        parent = parents[where[model]]
        reason = (
            f"gives {share[model]:.1%}{f' of {excerpt(parent.name)}' if parent.name else ''} to the "
            f"{counted(len(parent.unjudged), 'item')} that nobody judged: the mean one weighs {_times(most[model])} "
            f"times the mean judged one; no judgment goes beyond {_times(largest)}"
        )
        yield Oddity(model, "unjudged items", float(share[model]), reason)


def _log_sum(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    top = logits.max(axis=1)
    total: NDArray[np.float64] = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return total


def _times(log_ratio: float) -> str:
    """Write a ratio of which only the logarithm may fit into a double."""
    if log_ratio < math.log(1e6):
        return f"{math.exp(log_ratio):,.{0 if log_ratio > math.log(100) else 2}f}".removesuffix(".00")
    if log_ratio < MAX_EXPONENT:
        return f"{math.exp(log_ratio):.1e}".replace("e+", "e")
    return f"10^{log_ratio / math.log(10):.0f}"


def _named(parents: list[_Parent]) -> str:
    more = f" and {counted(len(parents) - 1, 'other parent')}" if len(parents) > 1 else ""
    return f"{excerpt(parents[0].name)}{more}"
