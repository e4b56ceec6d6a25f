"""Anomaly detection: how well each score separates other data from normal data, with a calibrated threshold."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elbowroom import __version__
from elbowroom.data import Data, InMemorySplit, Split, freeze, load_undivided
from elbowroom.data.catalog.registry import CATALOG
from elbowroom.data.load import ALL_SPLITS
from elbowroom.evaluation.anomaly.conformal import threshold_rank
from elbowroom.evaluation.anomaly.explanation import StrangeRows, explain_rows, require_rows
from elbowroom.evaluation.anomaly.heatmap import Heatmaps
from elbowroom.evaluation.anomaly.reference import Reference, open_reference
from elbowroom.evaluation.anomaly.results import Anomalies, ScoreResult
from elbowroom.evaluation.anomaly.scores import SCORES, as_split, compute_scores, default_score, defined_scores
from elbowroom.evaluation.compatibility import check_compatible, describe_likelihood, with_condition
from elbowroom.runs.run import Run


def anomalies(
    run: Run | str | Path | nn.Module,
    other: Any = None,
    *,
    score: str | Iterable[str] = "all",
    level: float = 0.05,
    normal: Data | Any = None,
    split: str = "test",
    resize: int | tuple[int, int] | None = None,
    maps: int = 0,
    explain: int = 0,
    samples: int = 20,
    window: int = 3,
    batch_size: int = 100,
    seed: int = 0,
    device: str | None = None,
    c: Any = None,
) -> Anomalies:
    """Separate examples of other data from a split of normal data by anomaly scores.

    For each score: AUROC and AUPRC; a threshold calibrated on a random half of the split
    (:class:`~elbowroom.Detector`), its false-positive rate on the other half, and the share of the other data found.

    Args:
        run: a run, its directory, or a model (then ``normal`` is needed).
        other: a split; the name of a data set, of which the same split is used; or a file, folder or array, all of it:
            every split that it comes with.
            Without it only thresholds and scores are computed.
        score: one of :func:`~elbowroom.anomaly_scores`, several, ``"default"`` for that of the kind of data, or
            ``"all"`` that the model defines. The raw ELBO is always included where it is defined.
        level: the false-positive rate of the threshold.
        normal: the normal data; the data the run was trained on if not given.
        split: of the normal data, and of other data with a name; the model must not be trained on it.
        resize: of images in a folder or archive, as for :func:`~elbowroom.load_data`.
        maps: number of examples of each set, the most anomalous, to compute heat maps of; by the default score, or if
            that is not computed by the last.
        explain: number of rows of a table of each set, the most anomalous, to explain by their columns.
        samples: K, posterior samples per example.
        window: of the background of the likelihood ratio.
        batch_size: examples at a time; the scores do not depend on it.
        seed: of noise, background and halves.
        device: where to compute.
        c: of a conditional model, the class (by name or number) or the attributes of all examples of ``other``, where
            they have no labels.

    Raises:
        ValueError: an unknown score or split, too few examples for the level, or data that does not fit the model.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> result = er.anomalies(model, data.test.x.flip(-1), normal=data, score="elbo", samples=2)
    >>> 0 < result["elbo"]["auroc"].value < 1
    True
    """
    with open_reference(run, normal, samples, window, seed, device) as reference:
        if reference.data is None:
            raise ValueError("a model was given without the data that is normal to it: pass normal=")
        normal_split = freeze(reference.data.get_split(split), seed)
        # what names and shapes can tell is said before anything is scored
        threshold_rank(level, len(normal_split) // 2)
        _check_shape(reference.model.shape, maps, explain)
        loaded = (None, None, None) if other is None else _load_other(reference, other, split, resize, c)
        other_split, other_protocol, other_files = loaded
        available = defined_scores(reference, normal_split)
        names = _select_scores(default_score(reference.model, available) if score == "default" else score, available)
        normal_scores = compute_scores(reference, normal_split, names, batch_size)
        other_scores = {} if other_split is None else compute_scores(reference, other_split, names, batch_size)
        default = default_score(reference.model, names)
        chosen = default if default in names else names[-1]
        sets = {"normal": (normal_split, normal_scores)}
        if other_split is not None:
            sets["other"] = (other_split, other_scores)
        heatmaps = {k: _top_heatmaps(reference, of, s[chosen], maps) for k, (of, s) in sets.items() if maps}
        strange = {k: _explain_top(reference, of, s[chosen], explain) for k, (of, s) in sets.items() if explain}
    order = torch.randperm(len(normal_split), generator=torch.Generator().manual_seed(seed))
    half = order[: len(normal_split) // 2].sort().values
    results = {
        name: ScoreResult(normal_scores[name], other_scores.get(name), half, level, SCORES[name].unit) for name in names
    }
    protocol = {
        "model": type(run).__name__ if isinstance(run, nn.Module) else str(Run(run)),
        "normal": reference.data.protocol,
        "split": split,
        "other": other_protocol,
        "examples": {"normal": len(normal_split), "other": 0 if other_split is None else len(other_split)},
        "scores": {name: SCORES[name].description for name in names},
        "default": chosen,
        "level": level,
        "samples": samples,
        "window": window,
        "seed": seed,
        "likelihood": describe_likelihood(reference.model, reference.data),
        "versions": {"elbowroom": __version__, "torch": torch.__version__},
    }
    files = {"normal": _file_names(reference.data, split), "other": other_files}
    named = {name: names for name, names in files.items() if names}
    return Anomalies(results, protocol, heatmaps, named, strange)


def _select_scores(score: str | Iterable[str], available: list[str]) -> list[str]:
    """Return the names of the scores to compute, the raw ELBO first."""
    if score == "all":
        return available
    names = [score] if isinstance(score, str) else list(score)
    return list(dict.fromkeys([name for name in available if name == "elbo"] + names))


def _check_shape(shape: tuple[int, ...], maps: int, explain: int) -> None:
    """Raise a ValueError for heat maps of what is no image, and for reasons of what is no row of a table."""
    if maps and len(shape) != 3:
        words = "x".join(map(str, shape))
        raise ValueError(f"the examples are {words}, not images (C, H, W): there are no heat maps of them")
    if explain:
        require_rows(shape)


def _top_heatmaps(reference: Reference, split: Split, scores: Tensor, count: int) -> Heatmaps:
    """Compute heat maps of the examples with the highest scores."""
    order = scores.topk(min(count, len(scores))).indices
    return reference.heatmaps(next(split.to(reference.device).batches(count, order)))


def _explain_top(reference: Reference, split: Split, scores: Tensor, count: int) -> StrangeRows:
    """Explain the rows with the highest scores, and how each of those compares with the others."""
    index = scores.topk(min(count, len(scores))).indices
    batch = next(split.batches(len(index), index))
    rows = InMemorySplit(batch.x, batch.y)
    return StrangeRows(index, scores[index], explain_rows(reference.model, rows, reference.protocol))


def _load_other(
    reference: Reference, other: Any, split: str, resize: int | tuple[int, int] | None, c: Any
) -> tuple[Split, Any, list[str] | None]:
    """Load the other examples, preprocessed as the normal ones, with their protocol (None for a split) and files."""
    if hasattr(other, "batches"):
        return with_condition(reference.model, as_split(reference, other), c), None, None
    assert reference.protocol is not None
    data = load_undivided(other, reference.protocol, **({} if resize is None else {"resize": resize}))
    check_compatible(reference.model, data)
    # A named data set has its own splits, and so may Data have.
    has_splits = isinstance(other, Data) or (isinstance(other, str) and other in CATALOG)
    name = split if has_splits and list(data.splits) != ["train"] else ALL_SPLITS
    examples = freeze(data.get_split(name), reference.seed)
    return with_condition(reference.model, examples, c), data.protocol, _file_names(data, name)


def _file_names(data: Data, split: str) -> list[str] | None:
    """Return the image file that each example of a split is from; None where they are not from such files."""
    named = {*data.splits} if split == ALL_SPLITS else {split}
    return data.names(split) if data.row_names.keys() >= named else None
