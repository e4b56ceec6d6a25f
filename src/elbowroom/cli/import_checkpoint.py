"""``elbowroom import``: a checkpoint of another library as a run."""

from __future__ import annotations

import click


@click.command("import")
@click.argument("path")
@click.option("--format", "format", help="pythae, pytorch-vae, classic  [default: the one that the path looks like]")
@click.option("--out", required=True, help="the run directory to write")
@click.option("--data", help="what it was trained on, a name or a path, to measure it on that without naming it again")
@click.option("--likelihood", help="p(x|z), in place of the one that the checkpoint says")
@click.option("--shape", help="of an example, where the file does not say it, as 1,28,28")
@click.option("--overwrite", is_flag=True, help="replace a run in --out")
def import_checkpoint(
    path: str,
    format: str | None,
    out: str,
    data: str | None,
    likelihood: str | None,
    shape: str | None,
    overwrite: bool,
) -> None:
    """Write a checkpoint of another library as a run, to evaluate, report and explore as any.

    \b
    elbowroom import vae_mnist.pt --out runs/theirs --data mnist
    elbowroom evaluate runs/theirs --samples 1000
    """
    from elbowroom.runs.foreign import import_run

    arguments = {} if likelihood is None else {"likelihood": likelihood}
    run = import_run(path, out, format, _parse_shape(shape), data, overwrite, **arguments)
    record = run.record
    click.echo(f"{run.path}  {record['recipe']}, examples of {'x'.join(map(str, record['shape']))}")


def _parse_shape(text: str | None) -> tuple[int, ...] | None:
    """Return a shape from numbers between commas.

    Raises:
        ValueError: something else.
    """
    if text is None:
        return None
    sizes = text.split(",")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        raise ValueError(f"--shape {text}: write the sizes of an example, as 1,28,28")
    return tuple(map(int, sizes))
