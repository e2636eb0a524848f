"""The command line: `hemicycle demo | check | ensemble | verify | reproduce`."""

from hemicycle.cli.entry import main

__all__ = ["main"]
