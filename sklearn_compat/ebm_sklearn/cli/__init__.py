"""The command line: ``ebm fit | transform | sample | score | info | demo``."""

from typing import Annotated

import typer

import ebm
from ebm_sklearn.cli import commands, demo


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"numba-ebm {ebm.__version__}")
        raise typer.Exit


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version and end.")
    ] = False,
) -> None:
    """Fit restricted Boltzmann machines; use and judge models. Tables are .npy, .npz, .parquet or .csv files."""


for command in (commands.fit, commands.transform, commands.sample, commands.score, commands.info, demo.demo):
    app.command()(command)

__all__ = ["app"]
