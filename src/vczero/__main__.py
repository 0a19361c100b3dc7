"""`python -m vczero`: the command line."""

from vczero.cli.commands import main

main()
