"""The command line: ``ebm fit | transform | sample | score | info | demo``."""

import typer

from ebm_sklearn.cli import commands, demo

app = typer.Typer(
    help="Restricted Boltzmann machines on the command line. Tables are .npy, .npz, .parquet or .csv files.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (commands.fit, commands.transform, commands.sample, commands.score, commands.info, demo.demo):
    app.command()(command)

__all__ = ["app"]
