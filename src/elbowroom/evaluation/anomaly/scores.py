"""Anomaly scores of examples under a model, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elbowroom.data import Batch, Data, Split, freeze, load_data, load_undivided
from elbowroom.data.coding import check_split_coded_alike
from elbowroom.data.load import ALL_SPLITS
from elbowroom.evaluation.anomaly.neighbors import concatenate_residuals, neighbor_distance
from elbowroom.evaluation.anomaly.reference import Reference, open_reference
from elbowroom.evaluation.compatibility import check_range, with_condition
from elbowroom.models.base import GenerativeModel
from elbowroom.registry import Registry
from elbowroom.runs.run import Run


@dataclass(frozen=True)
class AnomalyScore:
    """The definition of a score; higher means more anomalous.

    Attributes:
        description: the formula, in words.
        required_term: the term of :func:`~elbowroom.evaluation.suites.likelihood.estimate_bounds` that it is made of.
        function: from (terms of a batch, the batch, the reference) to (B,).
        statistics: of normal examples that it compares with, by their names in
            :data:`~elbowroom.evaluation.anomaly.reference.STATISTICS`.
        unit: of the score.
    """

    description: str
    required_term: str
    function: Callable[[dict[str, Tensor], Batch, Reference], Tensor]
    statistics: tuple[str, ...] = ()
    unit: str = "nats"


def _likelihood_ratio(terms: dict[str, Tensor], batch: Batch, reference: Reference) -> Tensor:
    log_p0: Tensor = reference.background(batch.x).double()
    return log_p0 - terms["elbo"]


def _neighbor_distance(terms: dict[str, Tensor], batch: Batch, reference: Reference) -> Tensor:
    return neighbor_distance(concatenate_residuals(reference.model, batch), reference.statistic("points"))


def _negative_log_kde(values: Tensor, normal: Tensor) -> Tensor:
    """Return −log of a kernel density estimate from normal values (N,) at values (B,); bandwidth by Scott's rule."""
    width: Tensor = normal.std() * len(normal) ** -0.2
    squares = ((values[:, None] - normal) / width) ** 2
    return (len(normal) * width * math.sqrt(2 * math.pi)).log() - (-squares / 2).logsumexp(1)


#: The scores by name; the raw ELBO is first, so that the others are shown beside it.
SCORES: Registry[AnomalyScore] = Registry("anomaly score")
SCORES.update(
    {
        "elbo": AnomalyScore("−ELBO", "elbo", lambda terms, batch, reference: -terms["elbo"]),
        "reconstruction": AnomalyScore(
            "−E_q log p(x|z)", "reconstruction", lambda terms, batch, reference: terms["reconstruction"]
        ),
        "importance_bound": AnomalyScore(
            "minus the importance bound on log p(x)",
            "importance_bound",
            lambda terms, batch, reference: -terms["importance_bound"],
        ),
        "typicality": AnomalyScore(
            "distance of the ELBO from its mean over normal examples (Nalisnick et al. 2019, arXiv 1906.02994)",
            "elbo",
            lambda terms, batch, reference: (terms["elbo"] - reference.elbos.mean()).abs(),
            ("elbos",),
        ),
        "likelihood_ratio": AnomalyScore(
            "log p₀(x) − ELBO, with p₀ a simple background density (Ren et al. 2019, arXiv 1906.02845)",
            "elbo",
            _likelihood_ratio,
            ("background",),
        ),
        "density_of_states": AnomalyScore(
            "−log density of ELBO and ratio among those of normal examples (Morningstar et al. 2021, arXiv 2006.09273)",
            "elbo",
            lambda terms, batch, reference: (
                _negative_log_kde(terms["elbo"], reference.elbos)
                + _negative_log_kde(_likelihood_ratio(terms, batch, reference), reference.ratios)
            ),
            ("background", "elbos", "ratios"),
        ),
        "neighbors": AnomalyScore(
            "distance to the second nearest training example, in values and in what is left by the reconstruction",
            "reconstruction",
            _neighbor_distance,
            ("points",),
            "",
        ),
    }
)


def default_score(model: GenerativeModel, defined: Iterable[str] | None = None) -> str:
    """Return the name of the score that suits the kind of data: see the table of :func:`anomaly_scores`.

    Rows of a table, and other vectors: ``neighbors``. Images: ``likelihood_ratio``. Others, as series: ``elbo``; and
    ``reconstruction`` without a prior.

    Args:
        model: of the data.
        defined: the names of the scores that are defined for it, if they are known.

    >>> import elbowroom as er
    >>> [default_score(er.recipes.vae(shape, latent=2)[0]) for shape in ((3,), (1, 8, 8))]
    ['neighbors', 'likelihood_ratio']
    """
    if len(model.shape) == 1:
        return "neighbors"
    name = "likelihood_ratio" if len(model.shape) == 3 else "elbo"
    is_defined = model.has_prior if defined is None else name in set(defined)
    return name if is_defined else "reconstruction"


def anomaly_scores(
    run: Run | str | Path | nn.Module,
    x: Split | Any,
    method: str = "default",
    *,
    normal: Data | Any = None,
    samples: int = 20,
    window: int = 3,
    batch_size: int = 100,
    seed: int = 0,
    device: str | None = None,
    c: Any = None,
) -> Tensor:
    r"""Return the anomaly score of each example under a model: (N,), float64, nats; higher means more anomalous.

    =====================  ====================================================================================
    ``elbo``               :math:`-\mathrm{ELBO}(x)`; plain images may be anomalous and yet probable
    ``reconstruction``     :math:`-E_q \log p(x|z)`
    ``importance_bound``   minus the log mean of K importance weights, nearer to :math:`-\log p(x)`
    ``typicality``         distance of the ELBO from its mean over normal examples (Nalisnick et al. 2019, arXiv
                           1906.02994, for one example at a time)
    ``likelihood_ratio``   :math:`\log p_0(x) - \mathrm{ELBO}(x)`: how much less probable than under a simple
                           background density :math:`p_0` (Ren et al. 2019, arXiv 1906.02845); blind to what is
                           improbable under the background too, as noise
    ``density_of_states``  how rare ELBO and ratio are among those of normal examples, too low or too high: minus the
                           sum of their log kernel densities (Morningstar et al. 2021, arXiv 2006.09273)
    ``neighbors``          distance to the second nearest training example, of (x, x − its reconstruction) in units of
                           the model's input: for a table standard deviations, categories one-hot
    =====================  ====================================================================================

    Args:
        run: a run, its directory, or a model (then ``normal`` is needed for the last four).
        x: a split, an array or a tensor of examples; of a path all of it.
        method: one of the above, or ``"default"``: :func:`~elbowroom.evaluation.anomaly.scores.default_score`.
        normal: the normal data; the data the run was trained on if not given.
        samples: K, posterior samples per example.
        window: side of the background's window for images, in pixels: each pixel is conditioned on those before it in
            the window. With 1, pixels are independent, which is better for likelihoods over 256 levels.
        batch_size: examples at a time; the scores do not depend on it.
        seed: of the noise, and of the fit of the background.
        device: where to compute; if not given, where the model is, or for a run the fastest device there is.
        c: of a conditional model, the class (by name or number) or the attributes of all examples of ``x``, where they
            have no labels.

    Raises:
        ValueError: an unknown method, one that is undefined for the model, or examples that do not fit the model.

    Deviation from the paper: its background is the same network trained on examples with random pixels replaced. Ours
    is an exact density of pixels given their neighbours (for vectors: of independent elements), which separated MNIST
    from Fashion-MNIST where a VAE trained that way did not.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> er.anomaly_scores(model, data.test, "elbo").shape
    torch.Size([359])
    """
    with open_reference(run, normal, samples, window, seed, device) as reference:
        split = with_condition(reference.model, as_split(reference, x), c)
        name = default_score(reference.model) if method == "default" else method
        return compute_scores(reference, split, [name], batch_size)[name]


@torch.no_grad()
def compute_scores(
    reference: Reference, split: Split, names: Iterable[str], batch_size: int = 100
) -> dict[str, Tensor]:
    """Compute several scores of every example in one pass: (N,) each, float64, on the CPU.

    Examples so far from the training data that a term is beyond float32, which would make it NaN, score infinity.

    Raises:
        ValueError: an unknown name, or a score that is undefined for this model.
    """
    definitions = {name: SCORES.find(name) for name in names}
    scores: dict[str, list[Tensor]] = {name: [] for name in definitions}
    for batch in split.to(reference.device).batches(batch_size):
        terms = reference.estimate_bounds(batch)
        for name, batches in scores.items():
            if (term := definitions[name].required_term) not in terms:
                raise ValueError(f"this model has no {term}, so '{name}' is undefined: use 'reconstruction'")
            values = definitions[name].function(terms, batch, reference).cpu()
            batches.append(values.masked_fill(values.isnan(), torch.inf))
    return {name: torch.cat(batches) for name, batches in scores.items()}


def defined_scores(reference: Reference, split: Split) -> list[str]:
    """Return the names of the scores defined for the model; only one without a posterior density or prior."""
    terms = reference.estimate_bounds(next(split.to(reference.device).batches(1)))
    return [name for name, score in SCORES.items() if score.required_term in terms]


def as_split(reference: Reference, x: Any) -> Split:
    """Return examples as a split, coded as the model's data was, after checking that they fit the model."""
    if isinstance(x, Data):
        raise ValueError("a Data has splits: give one of them, as data.test, or its path or table for all examples")
    model, split = reference.model, x if hasattr(x, "batches") else _load_examples(reference, x)
    check_split_coded_alike(split, reference.protocol)
    if tuple(split.shape) != model.shape:
        have, want = ("x".join(map(str, shape)) for shape in (split.shape, model.shape))
        raise ValueError(
            f"the examples to score are {have}, the model takes {want}: reshape them, or resize image files"
        )
    check_range(model, Data("x", split, None, None, split.shape))
    return freeze(split, reference.seed)


def _load_examples(reference: Reference, x: Any) -> Split:
    """Return examples that are no split as one; a tensor of a table's rows is coded already."""
    protocol = reference.protocol
    if protocol is None or ("columns" in protocol and isinstance(x, Tensor)):
        return load_data(x, validation=0, test=0).train
    return load_undivided(x, protocol).get_split(ALL_SPLITS)
