# Stub of the compiled core. The functions are documented where users call them, in the modules of `hemicycle`.

from collections.abc import Sequence
from os import PathLike
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from hemicycle.errors import NotConvergedError
from hemicycle.left_out import Labels
from hemicycle.pairs import Pairs
from hemicycle.read_limits import ReadLimits
from hemicycle.running import RunningScores
from hemicycle.solver_options import SolverOptions
from hemicycle.stacking import JuryDensities
from hemicycle.stacking_options import StackingOptions
from hemicycle.types import Logits, Per

__version__: str

def item_keys(names: list[str]) -> list[str]: ...
def kept_names(names: list[str], name_characters: int) -> tuple[list[str], list[tuple[int, str]]]: ...
def look_alikes(names: list[str], others: list[str]) -> list[int | None]: ...
def skeletons(names: list[str]) -> list[str]: ...

@final
class TextTable:
    def __new__(cls, header: list[str], columns: list[list[str]]) -> Self: ...
    @property
    def header(self) -> list[str]: ...
    @property
    def lines(self) -> NDArray[np.int64]: ...
    @property
    def ragged(self) -> list[tuple[int, int]]: ...
    def cell(self, column: int, row: int) -> str: ...
    def interned(self, column: int) -> tuple[NDArray[np.uint32], list[str]]: ...
    def numbers(self, column: int) -> tuple[NDArray[np.float64], NDArray[np.uint8]]: ...

@final
class SubmissionRows:
    @property
    def spellings(self) -> list[tuple[str, str]]: ...
    @property
    def offsets(self) -> NDArray[np.int64]: ...
    @property
    def item(self) -> NDArray[np.int64]: ...
    @property
    def weight(self) -> NDArray[np.float64]: ...
    @property
    def line(self) -> NDArray[np.int64]: ...
    @property
    def authors(self) -> list[str | None]: ...
    @property
    def refusals(self) -> list[tuple[int | None, str, str, str] | None]: ...

def read_table(path: PathLike[str], limits: ReadLimits) -> TextTable: ...
def read_submissions(
    folder: PathLike[str] | None, paths: Sequence[PathLike[str]], limits: ReadLimits, n_threads: int | None
) -> SubmissionRows: ...
def read_archive(
    path: PathLike[str], limits: ReadLimits, n_threads: int | None
) -> tuple[list[list[str]], SubmissionRows, list[tuple[str, tuple[int | None, str, str, str]]], int, str | None]: ...
def submission_layout(file: str, header: list[str]) -> tuple[int, int | None, int, int | None, int | None, bool]: ...
def clone_proof_prior(
    logits: Logits,
    pairs: Pairs,
    n_items: int,
    bandwidth: float,
    exact: bool | None = None,
    n_threads: int | None = None,
    instructions: str | None = None,
) -> tuple[
    NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], bool
]: ...
def group_pairs(
    a: NDArray[np.int64], b: NDArray[np.int64], log_ratio: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[
    NDArray[np.uint32],
    NDArray[np.uint32],
    NDArray[np.int64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.int64],
    int,
]: ...
def bma_weights(
    log_likelihood: NDArray[np.float64], prior: NDArray[np.float64] | None, power: float
) -> NDArray[np.float64]: ...
def n_scores(n_models: int, n_replicates: int) -> int: ...
def add_replicates(
    log_likelihood: NDArray[np.float64],
    models: NDArray[np.uintp],
    top: NDArray[np.float64],
    log2_prior: NDArray[np.float64],
    alpha: NDArray[np.float64],
    scores: NDArray[np.float64],
    total: NDArray[np.float64],
    n_threads: int | None = None,
    instructions: str | None = None,
) -> None: ...
def effective_models(weights: NDArray[np.float64]) -> tuple[float, float]: ...
def project_simplex(v: NDArray[np.float64]) -> NDArray[np.float64]: ...

@final
class StackingSolution:
    @property
    def weights(self) -> NDArray[np.float64]: ...
    @property
    def objective(self) -> float: ...
    @property
    def gap(self) -> float: ...
    @property
    def relative_gap(self) -> float: ...
    @property
    def passes(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def tie_broken(self) -> bool: ...
    @property
    def face(self) -> NDArray[np.int64]: ...
    @property
    def face_dimension(self) -> int: ...
    @property
    def reduced_cost(self) -> float: ...
    @property
    def vertex(self) -> NDArray[np.int64]: ...
    @property
    def dropped(self) -> NDArray[np.int64]: ...
    @property
    def share(self) -> NDArray[np.float64]: ...
    @property
    def highest(self) -> NDArray[np.float64]: ...

def stacking_weights(log_density: NDArray[np.float64], options: StackingOptions) -> StackingSolution: ...
def certify_stacking(
    log_density: NDArray[np.float64],
    weights: NDArray[np.float64],
    optimum: NDArray[np.float64],
    options: StackingOptions,
) -> CertifiedWeights: ...
def pool_stacking(densities: JuryDensities, options: StackingOptions) -> StackingSolution: ...
def certify_pool_stacking(
    densities: JuryDensities,
    weights: NDArray[np.float64],
    optimum: NDArray[np.float64],
    options: StackingOptions,
) -> CertifiedWeights: ...
def best_densities(
    densities: JuryDensities, n_threads: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...
def density_prices(
    densities: JuryDensities,
    shift: NDArray[np.float64],
    ratio: NDArray[np.float64],
    squared: bool = False,
    n_threads: int | None = None,
) -> NDArray[np.float64]: ...

@final
class LeastSquaresSolution:
    @property
    def weights(self) -> NDArray[np.float64]: ...
    @property
    def objective(self) -> float: ...
    @property
    def gap(self) -> float: ...
    @property
    def relative_gap(self) -> float: ...
    @property
    def passes(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def tie_broken(self) -> bool: ...
    @property
    def face(self) -> NDArray[np.int64]: ...
    @property
    def face_dimension(self) -> int: ...
    @property
    def reduced_cost(self) -> float: ...
    @property
    def vertex(self) -> NDArray[np.int64]: ...

@final
class CertifiedWeights:
    @property
    def weights(self) -> NDArray[np.float64]: ...
    @property
    def objective(self) -> float: ...
    @property
    def gap(self) -> float: ...
    @property
    def relative_gap(self) -> float: ...
    @property
    def passes(self) -> int: ...
    @property
    def whole(self) -> bool: ...

def simplex_least_squares(
    x: NDArray[np.float64] | NDArray[np.float32], y: NDArray[np.float64], options: SolverOptions
) -> LeastSquaresSolution: ...
def pair_least_squares(
    logits: NDArray[np.float64] | NDArray[np.float32],
    a: NDArray[np.uint32],
    b: NDArray[np.uint32],
    weight: NDArray[np.float64],
    y: NDArray[np.float64],
    options: SolverOptions,
) -> LeastSquaresSolution: ...
def certify_least_squares(
    x: NDArray[np.float64] | NDArray[np.float32],
    y: NDArray[np.float64],
    weights: NDArray[np.float64],
    optimum: NDArray[np.float64],
    options: SolverOptions,
) -> CertifiedWeights: ...
def certify_pair_least_squares(
    logits: NDArray[np.float64] | NDArray[np.float32],
    a: NDArray[np.uint32],
    b: NDArray[np.uint32],
    weight: NDArray[np.float64],
    y: NDArray[np.float64],
    weights: NDArray[np.float64],
    optimum: NDArray[np.float64],
    options: SolverOptions,
) -> CertifiedWeights: ...
def leave_out_least_squares(
    logits: NDArray[np.float64] | NDArray[np.float32],
    labels: Labels,
    left_out: NDArray[np.int64],
    offsets: NDArray[np.int64] | None,
    start: NDArray[np.int64],
    tol: float,
    n_threads: int | None,
) -> list[tuple[NDArray[np.float64], float, int, bool] | NotConvergedError]: ...
def instruction_sets() -> list[str]: ...
def sum_gaussian_loss(
    pred: NDArray[Any],
    labels: NDArray[Any],
    offsets: NDArray[np.int64] | None,
    label_weights: NDArray[Any] | None,
    sigma: float,
    loss: NDArray[Any],
    slope: NDArray[Any] | None,
    curvature: NDArray[Any] | None,
    scale: float | None = None,
    n_threads: int | None = None,
    instructions: str | None = None,
) -> None: ...
def log_likelihood(
    logits: Logits,
    pairs: Pairs,
    pair_weight: NDArray[np.float64],
    n_items: int,
    gaussian: bool,
    sigma: float,
    per: Per,
    out: NDArray[np.float64],
    n_threads: int | None = None,
    instructions: str | None = None,
    rtol: float = 1e-10,
) -> None: ...
def value_and_gradient(
    logits: Logits,
    pairs: Pairs,
    pair_weight: NDArray[np.float64],
    n_items: int,
    gaussian: bool,
    sigma: float,
    values: NDArray[np.float64],
    gradient: NDArray[np.float64],
    n_threads: int | None = None,
    instructions: str | None = None,
    rtol: float = 1e-10,
) -> None: ...
def table_bytes(
    pairs: Pairs,
    n_items: int,
    gaussian: bool,
    sigma: float,
    rtol: float,
    n_threads: int | None = None,
    instructions: str | None = None,
) -> NDArray[np.int64]: ...
def update_running(
    logits: Logits,
    running: RunningScores,
    before: Pairs,
    before_weight: NDArray[np.float64],
    after: Pairs,
    after_weight: NDArray[np.float64],
    n_items: int,
    every_item: bool,
    gaussian: bool,
    sigma: float,
    rtol: float,
    n_threads: int | None = None,
    instructions: str | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int]: ...
def mean_squared_error(
    logits: Logits,
    pairs: Pairs,
    n_items: int,
    out: NDArray[np.float64],
    n_threads: int | None = None,
    instructions: str | None = None,
) -> None: ...
def accuracy(
    logits: Logits,
    loser: NDArray[np.uint32],
    winner: NDArray[np.uint32],
    weight: NDArray[np.float64],
    n_items: int,
    out: NDArray[np.float64],
    n_threads: int | None = None,
    instructions: str | None = None,
) -> None: ...
