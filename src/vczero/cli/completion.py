"""`vczero completion`: a script by which a shell completes commands, options and files."""

from __future__ import annotations

import click

from vczero.cli.sections import Command

__all__ = ["completion"]


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands and options in a SHELL.

    \b
    bash:  eval "$(vczero completion bash)"     in ~/.bashrc
    zsh:   eval "$(vczero completion zsh)"      in ~/.zshrc
    fish:  vczero completion fish > ~/.config/fish/completions/vczero.fish
    """
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root().command
    script = get_completion_class(shell)
    assert script is not None
    made = script(root, {}, "vczero", "_VCZERO_COMPLETE")
    # What `source()` does beyond this is to start a bash and ask for its version.
    click.echo(made.source_template % made.source_vars())
