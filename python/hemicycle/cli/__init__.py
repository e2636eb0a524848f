"""The command line: `hemicycle demo | check | ensemble | reproduce`."""

from hemicycle.cli.app import app, main

__all__ = ["app", "main"]
