"""What must be true of imports for the door to stay light."""

import subprocess
import sys
import time


def test_the_door_loads_no_torch_and_opens_fast():
    """`import assay` takes under half a second and brings no torch, pandas or scikit-learn."""
    code = (
        "import sys, time; t = time.perf_counter(); import assay; s = time.perf_counter() - t; "
        "heavy = {'torch', 'pandas', 'sklearn', 'scipy'} & set(sys.modules); print(s); sys.exit(bool(heavy) or s > 0.5)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def test_help_is_fast():
    """`assay --help` answers in under a second, or twice that where other work shares the machine."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        result = subprocess.run([sys.executable, "-m", "assay", "--help"], capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - start)

    assert result.returncode == 0
    assert "Usage:" in result.stdout
    assert min(seconds) < 2.0
