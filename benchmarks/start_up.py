"""How long `import assay` and `assay --help` take, and that neither loads torch: best and median of ten, each anew.

Run: python benchmarks/start_up.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

IMPORT = (
    "import sys, time; t = time.perf_counter(); import assay; print(time.perf_counter() - t, 'torch' in sys.modules)"
)


def main() -> None:
    imports, helps, loaded = [], [], False
    for _ in range(10):
        said = subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True).stdout.split()
        imports.append(float(said[0]))
        loaded |= said[1] == "True"
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "assay", "--help"], check=True, capture_output=True)
        helps.append(time.perf_counter() - start)
    passed = [not loaded]
    print(f"torch loaded by `import assay`: {'yes: fail' if loaded else 'no: pass'}")
    for what, seconds, limit in (("import assay", imports, 0.5), ("assay --help", helps, 1.0)):
        passed.append(statistics.median(seconds) < limit)
        print(f"{what}: best {min(seconds):.2f} s, median {statistics.median(seconds):.2f} s; median below {limit} s: "
              f"{'pass' if passed[-1] else 'fail'}")  # fmt: skip
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
