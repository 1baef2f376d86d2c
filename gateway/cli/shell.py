"""What a command says of itself to the shell: its name, options and arguments, and how it ends."""

from typer import Argument, BadParameter, Exit, Option, Typer

__all__ = ["Argument", "BadParameter", "Exit", "Option", "Typer"]
