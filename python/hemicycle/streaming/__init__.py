"""Pools larger than memory: scores of a store from disk, resumed and brought up to date, on one machine or many."""

from hemicycle.streaming.score_store import score_store
from hemicycle.streaming.store_ensemble import StoreEnsemble
from hemicycle.streaming.store_scores import StoreScores

__all__ = ["StoreEnsemble", "StoreScores", "score_store"]
