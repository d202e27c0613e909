"""Print pyproject.toml's floors of what users install (tools excepted) as pip constraints."""

import re
import tomllib
from pathlib import Path

USER_EXTRAS = ("plot", "io", "demo")
project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["project"]
requirements = [*project["dependencies"]]
for extra in USER_EXTRAS:
    requirements += project["optional-dependencies"][extra]

for requirement in requirements:
    if floor := re.fullmatch(r"([\w-]+)>=([\w.]+)", requirement):
        print(f"{floor[1]}=={floor[2]}")
