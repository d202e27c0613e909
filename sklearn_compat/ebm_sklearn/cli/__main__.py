"""The command line without the script: ``python -m ebm_sklearn.cli``."""

from ebm_sklearn.cli import app

if __name__ == "__main__":
    app(prog_name="ebm")
