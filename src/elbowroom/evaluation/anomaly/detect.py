"""Normal examples against others: how well each score tells them apart, at a threshold that keeps its promise."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elbowroom import __version__, errors
from elbowroom.data import Data, Split, datasets, freeze, load_like
from elbowroom.evaluation.anomaly.heatmap import Heatmaps
from elbowroom.evaluation.anomaly.reference import Reference, open_reference
from elbowroom.evaluation.anomaly.results import Anomalies, ScoreResult
from elbowroom.evaluation.anomaly.scores import SCORES, as_split, compute_scores, defined_scores
from elbowroom.evaluation.compatibility import describe_likelihood
from elbowroom.models.base import GenerativeModel
from elbowroom.runs.run import Run


def anomalies(
    run: Run | str | Path | GenerativeModel,
    other: Any = None,
    *,
    score: str | Iterable[str] = "all",
    level: float = 0.05,
    normal: Data | Any = None,
    split: str = "test",
    resize: int | tuple[int, int] | None = None,
    maps: int = 0,
    samples: int = 20,
    window: int = 3,
    batch_size: int = 100,
    seed: int = 0,
    device: str | None = None,
) -> Anomalies:
    """Tell examples of other data from a split of what a model knows as normal.

    For each score: AUROC and AUPRC; a threshold calibrated on a random half of the split
    (:class:`~elbowroom.Detector`), its false-positive rate among the other half, and the share of the others found.

    Args:
        run: a run, its directory, or a model (then ``normal`` is needed).
        other: a split; a named set, of which the same split is taken; or a file, folder or array, all of it. Without
            it there are thresholds and scores only.
        score: one of :func:`~elbowroom.anomaly_scores`, several, or ``"all"`` the model defines. The raw ELBO comes
            along where it is defined.
        level: the false-positive rate that the threshold is for.
        normal: what is normal, if not the data the run was trained on.
        split: of the normal data, on which the model was not trained.
        resize: pictures of a folder or zip, as for :func:`~elbowroom.load_data`.
        maps: of how many examples of each set, the strangest by the last of the scores, to keep heat maps.
        samples: K, posterior samples per example.
        window: of the background of the likelihood ratio.
        batch_size: examples at a time; changes nothing.
        seed: of noise, background and halves.
        device: where to compute.

    Raises:
        ValueError: no such score or split, too few examples for the level, or others the model was not made for.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> found = er.anomalies(model, data.test.x.flip(-1), normal=data, score="elbo", samples=2)
    >>> 0 < found["elbo"]["auroc"].value < 1
    True
    """
    with open_reference(run, normal, samples, window, seed, device) as usual:
        if usual.data is None:
            raise ValueError("a model was given without the data that is normal to it: pass normal=")
        part = freeze(_get_split(usual.data, split), seed)
        names = _select_scores(score, defined_scores(usual, part))
        mine = compute_scores(usual, part, names, batch_size)
        others, about = (None, None) if other is None else _load_other(usual, other, split, resize)
        theirs = {} if others is None else compute_scores(usual, others, names, batch_size)
        mapped = {"normal": _strangest_heatmaps(usual, part, mine[names[-1]], maps)} if maps else {}
        if maps and others is not None:
            mapped["other"] = _strangest_heatmaps(usual, others, theirs[names[-1]], maps)
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(seed))
    half = order[: len(part) // 2].sort().values
    verdicts = {name: ScoreResult(mine[name], theirs.get(name), half, level) for name in names}
    protocol = {
        "model": type(run).__name__ if isinstance(run, GenerativeModel) else str(Path(run)),
        "normal": usual.data.protocol,
        "split": split,
        "other": about,
        "examples": {"normal": len(part), "other": 0 if others is None else len(others)},
        "scores": {name: SCORES[name].description for name in names},
        "level": level,
        "samples": samples,
        "window": window,
        "seed": seed,
        "likelihood": describe_likelihood(usual.model, usual.data),
        "versions": {"elbowroom": __version__, "torch": torch.__version__},
    }
    return Anomalies(verdicts, protocol, mapped)


def _select_scores(score: str | Iterable[str], available: list[str]) -> list[str]:
    """The scores asked for, the raw ELBO before them."""
    if score == "all":
        return available
    names = [score] if isinstance(score, str) else list(score)
    return list(dict.fromkeys([name for name in available if name == "elbo"] + names))


def _strangest_heatmaps(reference: Reference, split: Split, scores: Tensor, count: int) -> Heatmaps:
    if len(split.shape) != 3:
        raise ValueError(
            f"examples of {'x'.join(map(str, split.shape))} are no pictures: there are no heat maps of them"
        )
    order = scores.topk(min(count, len(scores))).indices
    return reference.heatmaps(next(split.to(reference.device).batches(count, order)))


def _load_other(
    reference: Reference, other: Any, split: str, resize: int | tuple[int, int] | None
) -> tuple[Split, Any]:
    """The other examples, made as the normal ones were, and what they are."""
    if hasattr(other, "batches"):
        return as_split(reference.model, other, reference.seed), None
    assert reference.data is not None
    if isinstance(other, Data):
        data, part = other, _get_split(other, split)
    elif isinstance(other, str) and other in (row.name for row in datasets()):
        # A named set has splits of its own.
        data = load_like(other, reference.data.protocol, validation=None, test=None)
        part = _get_split(data, split)
    else:
        data = load_like(other, reference.data.protocol, **({} if resize is None else {"resize": resize}))
        part = data.train
    return as_split(reference.model, part, reference.seed), data.protocol


def _get_split(data: Data, name: str) -> Split:
    if name not in data.splits:
        raise errors.unknown_name(f"split of {data.name}", name, data.splits)
    return data.splits[name]
