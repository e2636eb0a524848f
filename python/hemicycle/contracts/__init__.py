"""Paid with models: what to ask of each party, and what model to reward it with, when costs are private."""

from hemicycle.contracts.accuracy import Accuracy, Arctan, ExponentialSaturation, GeneralizationBound, PowerLaw
from hemicycle.contracts.accuracy_fit import AccuracyFit, fit_accuracy
from hemicycle.contracts.complete_information import CompleteInformation, complete_information
from hemicycle.contracts.contract import Contract, Multipliers, Residuals
from hemicycle.contracts.expectation import Expectations, SumExpectation
from hemicycle.contracts.exponential_sums import ExponentialSum, fit_exponential_sum
from hemicycle.contracts.optimal import optimal_contract
from hemicycle.contracts.reservation import Reservation, reservation
from hemicycle.contracts.user_accuracy import UserAccuracy
from hemicycle.contracts.valuation import LinearValuation, LogValuation, ModelValue, UserValuation, Valuation

__all__ = [
    "Accuracy",
    "AccuracyFit",
    "Arctan",
    "CompleteInformation",
    "Contract",
    "Expectations",
    "ExponentialSaturation",
    "ExponentialSum",
    "GeneralizationBound",
    "LinearValuation",
    "LogValuation",
    "ModelValue",
    "Multipliers",
    "PowerLaw",
    "Reservation",
    "Residuals",
    "SumExpectation",
    "UserAccuracy",
    "UserValuation",
    "Valuation",
    "complete_information",
    "fit_accuracy",
    "fit_exponential_sum",
    "optimal_contract",
    "reservation",
]
