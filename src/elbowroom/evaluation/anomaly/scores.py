"""How strange an example is to a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elbowroom import errors
from elbowroom.data import Data, Split, freeze, load_data
from elbowroom.evaluation.anomaly.reference import Reference, open_reference
from elbowroom.evaluation.compatibility import check_range
from elbowroom.models.base import GenerativeModel
from elbowroom.runs.run import Run


@dataclass(frozen=True)
class AnomalyScore:
    """One way to say how strange an example is.

    Attributes:
        description: the formula, in words.
        required_term: the figure of a pass through the model without which it is undefined.
        function: (figures of a batch, its x, the reference) to (B,), nats, higher for stranger.
    """

    description: str
    required_term: str
    function: Callable[[dict[str, Tensor], Tensor, Reference], Tensor]


def _likelihood_ratio(terms: dict[str, Tensor], x: Tensor, reference: Reference) -> Tensor:
    return reference.background(x).double() - terms["elbo"]


def _negative_log_kde(values: Tensor, normal: Tensor) -> Tensor:
    """−log of a kernel density estimate from usual values, (B,) and (N,) to (B,); bandwidth by Scott's rule."""
    width = normal.std() * len(normal) ** -0.2
    squares = ((values[:, None] - normal) / width) ** 2
    return (len(normal) * width * math.sqrt(2 * math.pi)).log() - (-squares / 2).logsumexp(1)


#: The scores by name. The raw ELBO stands first, so that it is shown beside whatever is better.
SCORES: dict[str, AnomalyScore] = {
    "elbo": AnomalyScore("−ELBO", "elbo", lambda of, x, usual: -of["elbo"]),
    "reconstruction": AnomalyScore("−E_q log p(x|z)", "reconstruction", lambda of, x, usual: of["reconstruction"]),
    "importance_bound": AnomalyScore(
        "minus the importance bound on log p(x)", "importance_bound", lambda of, x, usual: -of["importance_bound"]
    ),
    "typicality": AnomalyScore(
        "distance of the ELBO from its mean over normal examples (Nalisnick et al. 2019, arXiv 1906.02994)",
        "elbo",
        lambda of, x, usual: (of["elbo"] - usual.elbos.mean()).abs(),
    ),
    "likelihood_ratio": AnomalyScore(
        "log p₀(x) − ELBO, with p₀ a simple background density (Ren et al. 2019, arXiv 1906.02845)",
        "elbo",
        _likelihood_ratio,
    ),
    "density_of_states": AnomalyScore(
        "−log density of ELBO and ratio among those of normal examples (Morningstar et al. 2021, arXiv 2006.09273)",
        "elbo",
        lambda of, x, usual: (
            _negative_log_kde(of["elbo"], usual.elbos)
            + _negative_log_kde(_likelihood_ratio(of, x, usual), usual.ratios)
        ),
    ),
}


def anomaly_scores(
    run: Run | str | Path | GenerativeModel,
    x: Split | Any,
    method: str = "likelihood_ratio",
    *,
    normal: Data | Any = None,
    samples: int = 20,
    window: int = 3,
    batch_size: int = 100,
    seed: int = 0,
    device: str | None = None,
) -> Tensor:
    r"""How strange each example is to a model: (N,), float64, in nats, higher for stranger.

    =====================  ====================================================================================
    ``elbo``               :math:`-\mathrm{ELBO}(x)`: what is improbable; plain pictures may be probable and strange
    ``reconstruction``     :math:`-E_q \log p(x|z)`
    ``importance_bound``   minus the log mean of K importance weights, nearer to :math:`-\log p(x)`
    ``typicality``         distance of the ELBO from its mean over normal examples (Nalisnick et al. 2019, arXiv
                           1906.02994, for one example at a time)
    ``likelihood_ratio``   :math:`\log p_0(x) - \mathrm{ELBO}(x)`: how much less the model explains than a simple
                           background density :math:`p_0` does (Ren et al. 2019, arXiv 1906.02845); blind to what is
                           as strange to the background, as noise
    ``density_of_states``  how rare ELBO and ratio are among those of normal examples, on either side: minus the sum
                           of their log densities, by kernels (Morningstar et al. 2021, arXiv 2006.09273)
    =====================  ====================================================================================

    Args:
        run: a run, its directory, or a model (then ``normal`` is needed for the last three).
        x: a split, an array or a tensor of examples.
        method: one of the above.
        normal: the data that is normal, if not what the run was trained on.
        samples: K, posterior samples per example.
        window: of the background of pictures: each pixel given those before it in so large a square; 1 takes pixels as
            independent, which serves likelihoods over 256 levels better.
        batch_size: examples at a time; the scores do not depend on it.
        seed: of the noise, and of the fit of the background.
        device: where to compute: where a model is, or the fastest there is for a run, if not given.

    Raises:
        ValueError: no such method, one that the model does not define, or examples it was not made for.

    Deviation from the paper: its background is the same network trained on examples with random pixels replaced. Ours
    is an exact density of pixels given their neighbours (for vectors: of independent elements), which told MNIST from
    Fashion-MNIST where a VAE so trained did not.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> compute_scores = er.anomaly_scores(model, data.test, "elbo")
    >>> compute_scores.shape
    torch.Size([359])
    """
    with open_reference(run, normal, samples, window, seed, device) as usual:
        return compute_scores(usual, as_split(usual.model, x, seed), [method], batch_size)[method]


@torch.no_grad()
def compute_scores(
    reference: Reference, split: Split, names: Iterable[str], batch_size: int = 100
) -> dict[str, Tensor]:
    """The scores of these names of every example, from one pass: each (N,), float64, on the CPU.

    Raises:
        ValueError: a name is unknown, or its score undefined for this model.
    """
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    for name in found:
        if name not in SCORES:
            raise errors.unknown_name("anomaly score", name, SCORES)
    for batch in split.to(reference.device).batches(batch_size):
        of = reference.estimate_bounds(batch)
        for name, column in found.items():
            if (needs := SCORES[name].required_term) not in of:
                raise ValueError(f"this model has no {needs}, so '{name}' is undefined: use 'reconstruction'")
            column.append(SCORES[name].function(of, batch.x, reference).cpu())
    return {name: torch.cat(column) for name, column in found.items()}


def defined_scores(reference: Reference, split: Split) -> list[str]:
    """The names of the scores that are defined for a model: without posterior density or prior there is one."""
    of = reference.estimate_bounds(next(split.to(reference.device).batches(1)))
    return [name for name, score in SCORES.items() if score.required_term in of]


def as_split(model: GenerativeModel, x: Any, seed: int) -> Split:
    """A split, or an array as one, if its examples are such as the model takes."""
    if isinstance(x, Data | str | Path):
        raise ValueError(f"{type(x).__name__} has splits: give one of them, as load_data(...).test, or an array")
    split = x if hasattr(x, "batches") else load_data(x, validation=0, test=0).train
    if tuple(split.shape) != model.shape:
        have, want = ("x".join(map(str, shape)) for shape in (split.shape, model.shape))
        raise ValueError(f"the examples to score are {have}, the model takes {want}: bring them to it, files by resize")
    check_range(model, Data("x", split, None, None, split.shape))
    return freeze(split, seed)
