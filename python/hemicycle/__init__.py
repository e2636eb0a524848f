"""hemicycle: weigh many models against few human judgments."""

from hemicycle.judgments import Judgments
from hemicycle.pool import Pool

__all__ = ["Judgments", "Pool"]
