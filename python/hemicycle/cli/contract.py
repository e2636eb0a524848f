"""`hemicycle contract`: what to ask of each party and what model to reward it with."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

from hemicycle.bundle import Mark, csv_bytes, require_ours, write_bundle
from hemicycle.cli.contract_view import contract_view
from hemicycle.cli.streams import Talk, print_bytes, print_rich
from hemicycle.contracts import (
    Arctan,
    CompleteInformation,
    ExponentialSaturation,
    FixedRewards,
    FreeRiding,
    GeneralizationBound,
    LinearValuation,
    PowerLaw,
    RealisedRewards,
    complete_information,
    fit_accuracy,
    fixed_rewards,
    free_riding,
    optimal_contract,
    realised_rewards,
)
from hemicycle.contracts.type_list import TypeList, read_curve, read_types
from hemicycle.errors import OptionError
from hemicycle.escaping import printable
from hemicycle.options import known_word, positive_number
from hemicycle.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from hemicycle.contracts import Accuracy, AccuracyFit, Contract

__all__ = ["ContractRun", "accuracy_of", "run_contract"]

MARK = Mark("summary.json", '{\n  "program": "hemicycle",\n  "contract":')
FAMILIES: dict[str, Any] = {
    "generalization_bound": GeneralizationBound,
    "power_law": PowerLaw,
    "arctan": Arctan,
    "exponential": ExponentialSaturation,
}


@dataclass(frozen=True, slots=True)
class ContractRun:
    """A contract and what stands beside it, in the units of the files.

    Attributes
    ----------
    types : TypeList
        As read.
    contract : Contract
        In data that counts: quality times amount where there is a quality.
    accuracy : Accuracy
        From data to accuracy.
    fit : AccuracyFit or None
        How well it fits, if it was fitted.
    value : float
        Worth of a perfect model.
    rewards : RealisedRewards
        What parties are really handed.
    fixed : FixedRewards
        The same promises as fixed models.
    first_best : CompleteInformation
        If costs were known.
    free : FreeRiding
        If everyone got the collective model.
    """

    types: TypeList
    contract: Contract
    accuracy: Accuracy
    fit: AccuracyFit | None
    value: float
    rewards: RealisedRewards
    fixed: FixedRewards
    first_best: CompleteInformation
    free: FreeRiding

    @property
    def amounts(self) -> Any:
        """What a party of each type brings, shape (n_types,)."""
        return self.contract.m if self.types.quality is None else self.contract.m / self.types.quality

    def arrangements(self) -> Table:
        """Return free riding, the contract and complete information side by side."""
        return self.free.beside(self.contract, self.first_best)

    def by_type(self) -> Table:
        """Return one row for each type: what is asked and promised, and what becomes of it."""
        contract, quality = self.contract, self.types.quality
        columns: dict[str, Any] = {"type": self.types.names}
        if quality is not None:
            columns |= {"cost": contract.costs * quality, "quality": quality}
        columns |= {name: values for name, values in _columns(contract.table()).items() if name not in columns}
        columns["m"] = self.amounts
        below = {"insolvency": self.fixed.insolvency, "unused": self.fixed.unused}
        return Table(columns | {"share": self.rewards.share} | below)


def run_contract(
    costs: Path,
    n_parties: int,
    out: Path,
    *,
    accuracy: str = "generalization_bound",
    fit: Path | None = None,
    value: float = 100.0,
    seed: int = 0,
    output: str = "table",
    quiet: bool = False,
) -> None:
    """Read types, find the optimal contract, leave the out folder, print what it says.

    Parameters
    ----------
    costs : Path
        Csv file of types, see `hemicycle.contracts.type_list.read_types`.
    n_parties : int
        How many parties there are.
    out : Path
        The out folder.
    accuracy : str
        A family, with its parameters if wanted: ``power_law:a_opt=0.9,b=2,q=0.4``.
    fit : Path, optional
        Csv file of measured points that the family is fitted to.
    value : float, default 100.0
        Worth of a perfect model, in the unit of the costs.
    seed : int, default 0
        Of samples, where there are too many outcomes to count all.
    output : {"table", "json", "csv"}, default "table"
        What goes to standard output.
    quiet : bool, default False
        Whether to keep still on standard error.

    Raises
    ------
    FormatError, NoDataError, OptionError, DomainError
        If a file or an option is not what it must be.
    MissingExtraError
        If clarabel or scipy is not installed.
    OSError
        If a file cannot be read, or the folder not written.
    """
    talk = Talk(quiet)
    require_ours(out, MARK)
    positive_number(value, "value")
    types = read_types(costs)
    curve, fitted = accuracy_of(accuracy, fit)
    with talk.step("solving"):
        found = _solved(types, n_parties, curve, fitted, value, seed)
    files = {
        MARK.file: _summary(found, accuracy, seed),
        "contract.csv": _csv(found.by_type()),
        "rewards.csv": _csv(_named(found.types, found.rewards.table())),
        "free_riding.csv": _csv(_named(found.types, found.free.table())),
        "arrangements.csv": _csv(found.arrangements()),
    }
    write_bundle(out, files, MARK)
    if output == "json":
        print_bytes(files[MARK.file])
    elif output == "csv":
        print_bytes(files["contract.csv"])
    else:
        print_rich(*contract_view(found))
    talk.say(f"wrote {printable(str(out))}")


def accuracy_of(text: str, fit: Path | None = None) -> tuple[Accuracy, AccuracyFit | None]:
    """Return the accuracy that a text names, or the one of its family that fits measured points.

    Parameters
    ----------
    text : str
        A family, after a colon ``name=number`` of its parameters, with commas between them.
    fit : Path, optional
        Csv file with the columns amount and accuracy.

    Raises
    ------
    OptionError
        If there is no such family or parameter, a value is no number, or parameters are given to be fitted.
    DomainError, FormatError, NoDataError, OSError
        If a parameter is out of its bounds, or the file is not what it must be.
    """
    family, colon, rest = text.partition(":")
    known_word(family.replace("-", "_"), "accuracy", tuple(FAMILIES))
    family = family.replace("-", "_")
    if fit is not None:
        if colon:
            raise OptionError(f"accuracy: the parameters of {family} are fitted; leave out {rest!r}, or --fit")
        found = fit_accuracy(family, *read_curve(fit))
        return found.accuracy, found
    names = [field.name for field in fields(FAMILIES[family]) if field.init]
    given: dict[str, float] = {}
    for part in filter(None, rest.split(",")):
        name, _, number = part.partition("=")
        name = name.strip().replace("-", "_")
        if name not in names or name in given:
            raise OptionError(f"accuracy: {family} has the parameters {', '.join(names)}, each once; got {part!r}")
        try:
            given[name] = float(number)
        except ValueError:
            raise OptionError(f"accuracy: {name} is {number!r}; give a number, as in {name}=0.5") from None
    return FAMILIES[family](**given), None


def _solved(
    types: TypeList, n_parties: int, accuracy: Accuracy, fit: AccuracyFit | None, value: float, seed: int
) -> ContractRun:
    costs = types.costs if types.quality is None else types.costs / types.quality
    shared: dict[str, Any] = {"accuracy": accuracy, "valuation": LinearValuation(value)}
    given = costs, types.probabilities, n_parties
    contract = optimal_contract(*given, **shared)
    return ContractRun(
        types,
        contract,
        accuracy,
        fit,
        value,
        realised_rewards(contract, **shared, rng=seed),
        fixed_rewards(contract, **shared, rng=seed),
        complete_information(*given, **shared, rng=seed),
        free_riding(*given, **shared),
    )


def _columns(table: Table) -> dict[str, Any]:
    return {name: table[name] for name in table.columns}


def _named(types: TypeList, table: Table) -> Table:
    """Return a table of types with their names in front; costs are of what counts where types differ in quality."""
    columns = _columns(table)
    if types.quality is not None:
        columns = {("effective_cost" if name == "cost" else name): values for name, values in columns.items()}
    return Table({"type": types.names} | columns)


def _csv(table: Table) -> bytes:
    return csv_bytes(table.columns, (row.values() for row in table))


def _summary(found: ContractRun, accuracy: str, seed: int) -> bytes:
    """Everything that was found, in plain values; it begins as `MARK` says."""
    from msgspec import json

    from hemicycle._core import __version__

    contract, fixed = found.contract, found.fixed
    document: dict[str, Any] = {
        "program": "hemicycle",
        "contract": {
            "n_parties": contract.n_parties,
            "expected_accuracy": contract.expected_accuracy,
            "expected_value": contract.expected_value,
            "upper_bound": contract.upper_bound,
            "relative_gap": contract.relative_gap,
            "certified": contract.certified,
            **({"reason": contract.reason} if contract.reason else {}),
            "residual": contract.residuals.largest,
            "error": contract.error,
        },
        "options": {"accuracy": accuracy, "value": found.value, "seed": seed},
        "accuracy": {"family": type(found.accuracy).__name__}
        | {field.name: getattr(found.accuracy, field.name) for field in fields(cast("Any", found.accuracy))}
        | ({"rmse": found.fit.rmse} if found.fit is not None else {}),
        "version": __version__,
        "types": list(found.by_type()),
        "arrangements": list(found.arrangements()),
        "complete_information": {"exact": found.first_best.exact, "value_error": found.first_best.value_error},
        "rewards": {"exact": found.rewards.exact, "largest_gain_by_a_lie": found.rewards.largest_gain},
        "fixed_rewards": {
            "any_insolvency": fixed.any_insolvency,
            "any_insolvency_error": fixed.any_insolvency_error,
            "unused_per_party": fixed.unused_per_party,
            "shortfall_per_party": fixed.shortfall_per_party,
            "exact": fixed.exact,
        },
    }
    return json.format(json.encode(document, enc_hook=float), indent=2) + b"\n"
