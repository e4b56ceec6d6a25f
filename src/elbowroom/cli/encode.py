"""``elbowroom encode``: the latents of examples, with their names, labels and scores, as a table or as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import options, output_files
from elbowroom.cli.examples import SelectedExamples, read_examples

if TYPE_CHECKING:
    from elbowroom.data import Data, Split
    from elbowroom.models.base import GenerativeModel
    from elbowroom.runs.run import Run


@click.command()
@click.argument("run")
@options.shared_options("data", "split", "label")
@click.option(
    "--latents",
    type=click.Choice(("top", "all")),
    default="top",
    show_default=True,
    help="of a hierarchy: the uppermost latent, which is decoded, or all of them",
)
@click.option("--score", "scores", type=options.NameList(), default=(), help="anomaly scores beside them, as elbo")
@options.shared_options("samples", "resize", "seed", samples={"help": "posterior samples of a score"})
@click.option("--out", required=True, help="FILE.csv or .parquet: a row for each example; .npz: an array for each kind")
@options.weights_option
def encode(run: Run, source: str | None, split: str | None, out: str, seed: int, **settings: Any) -> None:
    """Encode examples: the means of q(z|x), with the names, labels and scores of the examples.

    A model with a codebook gives the indices of its entries. Scores are higher for more unusual examples, as those of
    the command anomalies are: score_elbo is the negative ELBO.
    """
    from elbowroom.data import freeze
    from elbowroom.latent import encode_split

    target = options.output_path(out, output_files.COLUMN_KINDS)
    _check_scores(settings["scores"])
    model = run.model()
    found = read_examples(run, model, source, split, settings["resize"], settings["label"])
    examples = freeze(found.split, seed)
    arrays: dict[str, Any] = {
        name: t.numpy() for name, t in encode_split(model, examples, settings["latents"] == "all").items()
    }
    columns = _describe_examples(found)
    if model.is_classifier:
        columns["predicted"] = _predict_classes(model, found.data, examples)
    scores = _score_examples(run, examples, settings["scores"], settings["samples"], seed)
    if target.suffix != ".npz":
        arrays = _split_columns({name: a for name, a in arrays.items() if not (model.is_quantized and name == "z")})
    output_files.save_columns(target, {**columns, **arrays, **scores})
    n = len(next(iter(arrays.values())))
    names = [*columns, *(f"{name} {a.shape[1:]}" if a.ndim > 1 else name for name, a in arrays.items()), *scores]
    click.echo(f"{target}  {n:,} {found.description}: {_shorten(names)}")


def _describe_examples(found: SelectedExamples) -> dict[str, list[Any]]:
    """Return columns with the name and the label of each example: its file, or its row in the source."""
    data = found.data
    batches = [(batch.index.tolist(), batch.y) for batch in data.get_split(found.name).batches(1024)]
    names = data.names(found.name)
    columns: dict[str, list[Any]] = {
        "name": [str(i) for index, _ in batches for i in index] if names is None else names
    }
    labels = [row for _, y in batches if y is not None for row in y.tolist()]
    if labels and isinstance(labels[0], list):
        attributes = data.attributes or tuple(f"attribute{i}" for i in range(1, len(labels[0]) + 1))
        return columns | {
            name: list(values) for name, values in zip(attributes, zip(*labels, strict=True), strict=True)
        }
    return columns | ({"label": [_class_name(data, label) for label in labels]} if labels else {})


def _class_name(data: Data, label: int) -> str:
    """Return the name of a class; empty where the label is unknown."""
    classes = data.classes or ()
    return "" if label < 0 else classes[label] if label < len(classes) else str(label)


def _predict_classes(model: GenerativeModel, data: Data, examples: Split) -> list[str]:
    """Return the name of the most probable class of q(y|x) of each example."""
    batches = examples.batches(512)
    return [_class_name(data, label) for batch in batches for label in model.classify(batch.x).argmax(1).tolist()]


def _check_scores(names: tuple[str, ...]) -> None:
    """Raise a ValueError for a name that is no score, before examples are encoded."""
    if names:
        from elbowroom.evaluation.anomaly.scores import SCORES

        for name in names:
            SCORES.find(name)


def _score_examples(run: Run, examples: Split, names: tuple[str, ...], samples: int, seed: int) -> dict[str, Any]:
    """Return the anomaly scores of each example by name."""
    if not names:
        return {}
    from elbowroom.evaluation.anomaly.reference import open_reference
    from elbowroom.evaluation.anomaly.scores import compute_scores

    with open_reference(run, samples=samples, seed=seed) as reference:
        scores = compute_scores(reference, examples, names)
    return {f"score_{name}": values.numpy() for name, values in scores.items()}


def _split_columns(arrays: dict[str, Any]) -> dict[str, Any]:
    """Return a column for each number of some arrays, (N, *shape) each, numbered from 1."""
    columns: dict[str, Any] = {}
    for name, values in arrays.items():
        stem = f"{name}_" if name[-1].isdigit() else name
        flat = values.reshape(len(values), -1)
        columns |= {f"{stem}{i}": flat[:, i - 1] for i in range(1, flat.shape[1] + 1)}
    return columns


def _shorten(names: list[str], most: int = 8) -> str:
    """Join names, the first and the last few of many.

    >>> _shorten([f"z{i}" for i in range(1, 65)], 4)
    'z1, z2, …, z63, z64'
    """
    shown = names if len(names) <= most else [*names[: most // 2], "…", *names[-(most // 2) :]]
    return ", ".join(shown)
