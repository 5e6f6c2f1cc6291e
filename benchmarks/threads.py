"""Import before NumPy: the libraries under it read these variables once, when they are loaded."""

from __future__ import annotations

import argparse
import os

parser = argparse.ArgumentParser(add_help=False)
parser.add_argument("--threads", type=int, default=1, help="threads for each library (default 1)")
THREADS: int = parser.parse_known_args()[0].threads

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(THREADS)
