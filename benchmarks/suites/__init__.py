"""Suites for asv: how our own speed changes from commit to commit, with other libraries as a parameter axis.

asv runs each benchmark in a process of its own, with this folder as a package and nothing else of the project on the
path. The project's folder is put at the end of it: where a commit's package is installed, that one is measured.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT), str(ROOT / "sklearn_compat")]
