"""Paid with models: what to ask of each party, and what model to reward it with, when costs are private."""

from hemicycle.contracts.accuracy import Accuracy, Arctan, ExponentialSaturation, GeneralizationBound, PowerLaw
from hemicycle.contracts.accuracy_fit import AccuracyFit, fit_accuracy
from hemicycle.contracts.beliefs import MistakenBeliefs, mistaken_beliefs
from hemicycle.contracts.complete_information import CompleteInformation, complete_information
from hemicycle.contracts.contract import Contract, Multipliers, Residuals
from hemicycle.contracts.expectation import Expectations, SumExpectation
from hemicycle.contracts.exponential_sums import ExponentialSum, fit_exponential_sum
from hemicycle.contracts.fixed_rewards import FixedRewards, fixed_rewards
from hemicycle.contracts.free_riding import FreeRiding, free_riding
from hemicycle.contracts.optimal import optimal_contract
from hemicycle.contracts.quality import QualityContract, quality_contract
from hemicycle.contracts.realised_rewards import RealisedRewards, realised_rewards
from hemicycle.contracts.reservation import Reservation, reservation
from hemicycle.contracts.user_accuracy import UserAccuracy
from hemicycle.contracts.valuation import LinearValuation, LogValuation, ModelValue, UserValuation, Valuation
from hemicycle.contracts.welfare import Welfare, welfare

__all__ = [
    "Accuracy",
    "AccuracyFit",
    "Arctan",
    "CompleteInformation",
    "Contract",
    "Expectations",
    "ExponentialSaturation",
    "ExponentialSum",
    "FixedRewards",
    "FreeRiding",
    "GeneralizationBound",
    "LinearValuation",
    "LogValuation",
    "MistakenBeliefs",
    "ModelValue",
    "Multipliers",
    "PowerLaw",
    "QualityContract",
    "RealisedRewards",
    "Reservation",
    "Residuals",
    "SumExpectation",
    "UserAccuracy",
    "UserValuation",
    "Valuation",
    "Welfare",
    "complete_information",
    "fit_accuracy",
    "fit_exponential_sum",
    "fixed_rewards",
    "free_riding",
    "mistaken_beliefs",
    "optimal_contract",
    "quality_contract",
    "realised_rewards",
    "reservation",
    "welfare",
]
