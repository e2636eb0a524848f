"""hemicycle: weigh many models against few human judgments."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hemicycle.allocation import allocate
    from hemicycle.averaging import bma_weights, effective_models
    from hemicycle.clones import clone_proof_prior
    from hemicycle.contracts.contract import Contract
    from hemicycle.ensemble import Ensemble
    from hemicycle.evaluation import evaluate
    from hemicycle.greedy import greedy_weights
    from hemicycle.judgments import Judgments
    from hemicycle.least_squares import simplex_least_squares
    from hemicycle.likelihood import log_likelihood
    from hemicycle.pool import Pool
    from hemicycle.round import Round
    from hemicycle.scores import accuracy, mean_squared_error
    from hemicycle.simplex import project_simplex
    from hemicycle.solution import SimplexSolution
    from hemicycle.stacking import stacking_weights
    from hemicycle.store.store import Store

__all__ = [
    "Contract",
    "Ensemble",
    "Judgments",
    "Pool",
    "Round",
    "SimplexSolution",
    "Store",
    "accuracy",
    "allocate",
    "bma_weights",
    "clone_proof_prior",
    "effective_models",
    "evaluate",
    "greedy_weights",
    "log_likelihood",
    "mean_squared_error",
    "project_simplex",
    "simplex_least_squares",
    "stacking_weights",
]

# Where each public name lives. It is imported when first used, so that `hemicycle --help` does not wait for NumPy.
_HOME = {
    "Contract": "contracts.contract",
    "Ensemble": "ensemble",
    "Judgments": "judgments",
    "Pool": "pool",
    "Round": "round",
    "SimplexSolution": "solution",
    "Store": "store.store",
    "__version__": "_core",
    "accuracy": "scores",
    "allocate": "allocation",
    "bma_weights": "averaging",
    "clone_proof_prior": "clones",
    "effective_models": "averaging",
    "evaluate": "evaluation",
    "greedy_weights": "greedy",
    "log_likelihood": "likelihood",
    "mean_squared_error": "scores",
    "project_simplex": "simplex",
    "simplex_least_squares": "least_squares",
    "stacking_weights": "stacking",
}


# Modules that are reached by their own name, imported when first used, too.
_MODULES = (
    "clones",
    "contracts",
    "direct",
    "direct_influence",
    "diversity",
    "errors",
    "flags",
    "influence",
    "intervals",
    "jurors",
    "leak",
    "plots",
    "running",
    "store",
    "streaming",
    "synthetic",
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"hemicycle.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
