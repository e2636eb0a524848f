"""The command line: `hemicycle demo | check | ensemble | verify | reproduce`."""

from hemicycle.cli.app import app, main

__all__ = ["app", "main"]
