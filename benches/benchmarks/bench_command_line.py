"""What a user waits for: the first word of the command line."""

from __future__ import annotations

import subprocess
import sys


class CommandLine:
    """Start-up of the command line in a new process."""

    def time_help(self) -> None:
        subprocess.run([sys.executable, "-m", "hemicycle", "--help"], check=True, capture_output=True)

    def time_version(self) -> None:
        subprocess.run([sys.executable, "-m", "hemicycle", "--version"], check=True, capture_output=True)

    def time_bare_python(self) -> None:
        subprocess.run([sys.executable, "-c", ""], check=True, capture_output=True)
