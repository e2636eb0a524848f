"""The page that shows a run to those who were not there: one file of HTML that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hemicycle.outcome import Outcome

__all__ = ["report_html"]


def report_html(outcome: Outcome) -> str:
    """Lay a run out as one page that is read offline, printed and sent on.

    Parameters
    ----------
    outcome : Outcome
        The run.

    Returns
    -------
    str
        An HTML document that asks no network for anything and holds no time or place: one run gives one text. Names
        are escaped; those that are longer than a line are shortened, the csv files beside it hold them whole.

    Notes
    -----
    A section stands on the page if the run has what it shows. The tables of every model are held once, as data, and
    drawn row by row by a script of the page; without scripts the first rows can be read, and all can be printed.
    """
    from hemicycle.report.page import render

    return render(outcome)
