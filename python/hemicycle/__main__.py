"""`python -m hemicycle` is the command `hemicycle`."""

import sys

from hemicycle.cli import main

if __name__ == "__main__":
    sys.exit(main())
