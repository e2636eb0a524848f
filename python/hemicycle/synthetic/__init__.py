"""Seeded synthetic rounds: a jury in two camps and an open pool of submissions, good and bad ones."""

from hemicycle.synthetic.submissions import Defect
from hemicycle.synthetic.two_camps import SyntheticRound, two_camp_round

__all__ = ["Defect", "SyntheticRound", "two_camp_round"]
