"""Stub of the compiled core. The functions are documented where users call them, in the modules of `hemicycle`."""

__version__: str

def item_keys(names: list[str]) -> list[str]: ...
