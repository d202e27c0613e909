"""Suites for asv: how our own speed changes from commit to commit, with other libraries as a parameter axis.

asv runs each benchmark in a process of its own, with this folder as a package and nothing else of the project on the
path; so the folder above is put there.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
