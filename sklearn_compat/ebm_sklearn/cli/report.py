"""How commands speak: errors and warnings in one line on stderr, results on stdout."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TextIO

import typer

EXPECTED = (ValueError, TypeError, OSError, ImportError, ArithmeticError, RuntimeError)


def reporting(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command: expected errors end it with status 1 and one line, Ctrl-C with status 130.

    Parameters
    ----------
    command : callable
        What typer calls.

    Returns
    -------
    callable
        The same, with the same signature.
    """

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _show_warning
            try:
                command(*arguments, **options)
            except EXPECTED as error:
                typer.echo(f"error: {error}", err=True)
                raise typer.Exit(1) from error
            except KeyboardInterrupt as error:
                typer.echo("interrupted", err=True)
                raise typer.Exit(130) from error

    return wrapped


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    typer.echo(f"warning: {message}", err=True)
