"""A short soak of each program; `scripts/soak` does minutes of it."""

import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[1] / "scripts" / "soak.py"


@pytest.mark.slow
@pytest.mark.parametrize("program", ["mitmdump", "mitmweb"])
def test_each_of_many_streams_with_faults_has_one_end(program: str) -> None:
    options = ["--seconds", "20", "--streams", "40", "--faults", "0.4", "--program", program]
    soak = subprocess.run([sys.executable, str(SOAK), *options], capture_output=True, text=True, check=False)
    assert soak.returncode == 0, soak.stdout + soak.stderr
    assert "| good | completed |" in soak.stdout
