"""The command line: its commands, and one line on stderr for a mistake."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import click

from elbowroom import __version__, deprecation, errors
from elbowroom.cli import diagnose, evaluate_sample, listing, report_plot
from elbowroom.cli.anomalies import anomalies
from elbowroom.cli.compare import SweepGroup, compare
from elbowroom.cli.encode import encode
from elbowroom.cli.export import export
from elbowroom.cli.features import fit_features
from elbowroom.cli.fill import fill
from elbowroom.cli.import_checkpoint import import_checkpoint
from elbowroom.cli.interpolate import interpolate
from elbowroom.cli.lab import LabGroup
from elbowroom.cli.reconstruct import reconstruct
from elbowroom.cli.step_scores import score_steps
from elbowroom.cli.studio import studio
from elbowroom.cli.train import TrainGroup, resume
from elbowroom.cli.tune import TuneGroup


class _CommandGroup(click.Group):
    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        command = super().get_command(ctx, name)
        if command is None:
            raise errors.unknown_name("command", name, self.commands)
        return command


@click.group(cls=_CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def commands() -> None:
    """Train, evaluate and sample variational autoencoders.

    \b
    elbowroom train vae --data mnist --epochs 10
    elbowroom evaluate runs/vae-mnist-1 --samples 1000
    elbowroom sample runs/vae-mnist-1 -n 64 --out samples.png
    """


commands.add_command(TrainGroup("train", help="Train a recipe: elbowroom train RECIPE --help lists its flags."))
commands.add_command(SweepGroup("sweep", help="Train a grid: as train, with several values of every flag."))
commands.add_command(TuneGroup("tune", help="Search settings: as train, with ranges or several values of every flag."))
commands.add_command(LabGroup("lab", help="Run a lab, a question with its answer: elbowroom lab NAME."))
for command in (
    resume,
    evaluate_sample.evaluate,
    evaluate_sample.sample,
    evaluate_sample.fit_sampler,
    fit_features,
    reconstruct,
    fill,
    encode,
    interpolate,
    compare,
    anomalies,
    score_steps,
    studio,
    report_plot.report,
    report_plot.plot,
    export,
    import_checkpoint,
    diagnose.doctor,
    diagnose.audit,
    listing.recipes,
    listing.networks,
    listing.likelihoods,
    listing.quantizers,
    listing.samplers,
    listing.data,
    listing.runs,
):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; a user's mistake is one line on stderr and code 2."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    warnings.filterwarnings("default", category=DeprecationWarning, module=r"elbowroom\.")
    words = deprecation.rename_flags(sys.argv[1:] if arguments is None else arguments)
    try:
        code = commands.main(words, prog_name="elbowroom", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _print_message("stopped", 130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else " ".join(["elbowroom", *_find_command(words)[1]])
        return _print_message(f"{error.format_message().rstrip('.')}: '{path} --help' lists what it takes")
    except errors.MissingArgumentError as error:
        return _print_message(error.with_flag(_flag_of(error.argument, words)))
    except (click.ClickException, ValueError, OSError) as error:
        return _print_message(error.format_message() if isinstance(error, click.ClickException) else str(error))
    return code if isinstance(code, int) else 0


#: How the arguments that an error asks for are given on the command line, where a command has the flag.
ARGUMENT_FLAGS = {"data": "--data SOURCE", "c": "--label LABEL"}


def _flag_of(argument: str, words: Sequence[str]) -> str:
    """Return the flag by which the command of a command line takes an argument; if it has none, how Python takes it."""
    flag = ARGUMENT_FLAGS.get(argument, "")
    flags = [name for option in _find_command(words)[0].params for name in option.opts]
    return flag if flag.partition(" ")[0] in flags else f"{argument}= (in Python: this command has no {flag})"


def _find_command(words: Sequence[str]) -> tuple[click.Command, list[str]]:
    """Return the command that a command line names, down to the last of its groups, and its words."""
    command: click.Command = commands
    path: list[str] = []
    for word in words:
        if not isinstance(command, click.Group):
            break
        try:
            found = command.get_command(click.Context(command, info_name=command.name), word)
        except ValueError:
            break
        if found is None:
            break
        command = found
        path.append(word)
    return command, path


def _show_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    if issubclass(category, UserWarning | DeprecationWarning):
        _print_message(f"warning: {message}")


def _print_message(message: str, code: int = 2) -> int:
    print(f"elbowroom: {' '.join(message.split())}", file=sys.stderr)
    return code
