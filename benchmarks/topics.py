"""Topic models beside each other: coherence of the topics, and perplexity of held-out texts.

    python benchmarks/topics.py [--out FOLDER] [--models prod_lda ...] [--topics 20] [--seconds 60] [--seeds 0 1 2]

The texts are ``ELBOWROOM_DATA/Text/bbc_news.tsv`` (BBC news as OCTIS has it: 1,556 to train, 334 to validate, 335 to
test; 2,949 words). All models have the same words and texts, and the same processor seconds of one core, within which
those with networks keep the weights that are best on the validation texts.

- ``prod_lda``: the recipe.
- ``pyro``: ProdLDA as Pyro's example of topic models describes it: standard normal prior, two hidden layers of 100
  softplus units, dropout of 0.2 before means and variances and of the topics, batch normalization without shift and
  scale, Adam at 1e-3, batches of 32. Written here.
- ``lda``: ``sklearn.decomposition.LatentDirichletAllocation``, all texts at once; it ends with the last round.

What is measured is the same for all, of q(θ|text) and of the words' probabilities given θ:

- ``npmi``, ``diversity``: of the ten first words of each topic, as ``elbowroom evaluate --metrics topics``, in the
  training texts;
- ``perplexity``: exp of −Σ ELBO / Σ words over the test texts, as Srivastava & Sutton 2017 (arXiv 1703.01488) and
  scikit-learn have it; ``per text`` is exp of the mean over texts of −ELBO / words, as Miao et al. 2016 (arXiv
  1511.06038). The ELBO is E_q[log p(words|θ)] − KL(q(θ)‖p(θ)), by 20 samples. For LDA the topics are at their means and
  the words' topics are summed out, which gives a lower perplexity than scikit-learn's own bound;
- ``completion``: the perplexity of every other word of a test text, given the others.

A result is one JSON line in ``FOLDER/results.jsonl``; what is there already is not measured again.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributions as td
from images.results import Results, Row, print_markdown
from sklearn.decomposition import LatentDirichletAllocation
from torch import Tensor, nn

import elbowroom as er
from elbowroom.evaluation.suites.topics import WORDS, mean_npmi
from elbowroom.training.state import STOP, State

#: Samples of q(θ|text).
SAMPLES = 20
SPLITS = ("train", "validation", "test")
Texts = dict[str, Tensor]


class TopicPosterior(ABC):
    """A trained topic model: its topics, what it infers of texts, and the words' probabilities given that."""

    topics: Tensor
    """Weights of the words in each topic, (K, V)."""

    @abstractmethod
    def infer(self, x: Tensor, samples: int) -> tuple[Tensor, Tensor]:
        """Return draws of a text's proportions of topics (S, N, K) and the KL of each text (N,)."""

    @abstractmethod
    def log_words(self, proportions: Tensor) -> Tensor:
        """Return the log-probability of each word, (..., V)."""

    @torch.no_grad()
    def nats_of_texts(self, x: Tensor, samples: int = SAMPLES) -> Tensor:
        """Return −ELBO of texts as sequences of words, (N,)."""
        proportions, kl = self.infer(x, samples)
        return kl - torch.stack([(self.log_words(one) * x).sum(-1) for one in proportions]).mean(0)

    @torch.no_grad()
    def nats_of_hidden(self, seen: Tensor, hidden: Tensor) -> Tensor:
        """Return −log p of hidden words given the seen ones, (N,): of the mean of the probabilities."""
        proportions, _ = self.infer(seen, SAMPLES)
        logs = torch.stack([self.log_words(one) for one in proportions]).logsumexp(0) - np.log(SAMPLES)
        return -(logs * hidden).sum(-1)


class NeuralPosterior(TopicPosterior):
    """A model whose proportions are the softmax of normals."""

    def __init__(self, encode: Any, decode: Any, prior: td.Distribution, topics: Tensor) -> None:
        self.encode, self.decode, self.prior, self.topics = encode, decode, prior, topics

    def infer(self, x: Tensor, samples: int) -> tuple[Tensor, Tensor]:
        q = self.encode(x)
        return q.sample((samples,)).softmax(-1), td.kl_divergence(q, self.prior).sum(-1)

    def log_words(self, proportions: Tensor) -> Tensor:
        logs: Tensor = self.decode(proportions).log_softmax(-1)
        return logs


class DirichletPosterior(TopicPosterior):
    """LDA of scikit-learn, with its topics at their means."""

    def __init__(self, model: LatentDirichletAllocation) -> None:
        self.model = model
        self.topics = torch.as_tensor(model.components_ / model.components_.sum(1, keepdims=True))

    def infer(self, x: Tensor, samples: int) -> tuple[Tensor, Tensor]:
        prior = torch.full((len(self.topics),), float(self.model.doc_topic_prior_), dtype=torch.float64)
        # Of variational parameters the sum is known: that of the prior's, and a text's words.
        shares = torch.as_tensor(self.model.transform(x.double().numpy()))
        q = td.Dirichlet(shares * (prior.sum() + x.double().sum(-1, keepdim=True)))
        return q.sample((samples,)), td.kl_divergence(q, td.Dirichlet(prior.expand(shares.shape)))

    def log_words(self, proportions: Tensor) -> Tensor:
        return (proportions @ self.topics).log()


class Deadline(er.Callback):
    """Stop when the processor seconds are spent."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def start(self, state: State) -> None:
        self.end_s = time.process_time() + self.seconds

    def step(self, state: State) -> None:
        if time.process_time() > self.end_s:
            state[STOP] = "the seconds are spent"


def train_elbowroom(data: er.Data, texts: Texts, topics: int, seconds: float, seed: int) -> TopicPosterior:
    """Train the recipe with its own settings."""
    model, objective = er.recipes.prod_lda(data.shape, latent=topics, seed=seed)
    settings: dict[str, Any] = {"batch_size": 200, "lr": 0.01, "validate_every": 5, "sampler": "none"}
    settings |= {"final_weights": "best", "report": False, "progress": False, "watch": ("validation",)}
    with tempfile.TemporaryDirectory() as folder:
        deadline = Deadline(seconds)
        run = er.fit(
            model, objective, data, epochs=100_000, seed=seed, out=f"{folder}/run", callbacks=[deadline], **settings
        )
        model = run.model()
    net, weights, prior = model.decoder.net, model.topics, model.latent_prior()
    assert weights is not None
    assert prior is not None
    normal = td.Normal(prior.mean, prior.variance.sqrt())

    def encode(x: Tensor) -> td.Normal:
        q = model.infer(x)
        return td.Normal(q.mean, q.variance.sqrt())

    return NeuralPosterior(encode, lambda p: net.norm(net.weights(p)), normal, weights.flatten(1))


class PyroProdLDA(nn.Module):
    """The networks of Pyro's example, and its model and guide."""

    def __init__(self, words: int, topics: int, hidden: int = 100, dropout: float = 0.2) -> None:
        super().__init__()
        layers = [nn.Linear(words, hidden), nn.Softplus(), nn.Linear(hidden, hidden), nn.Softplus()]
        self.hidden = nn.Sequential(*layers, nn.Dropout(dropout))
        self.loc, self.log_var = (
            nn.Sequential(nn.Linear(hidden, topics), nn.BatchNorm1d(topics, affine=False)) for _ in range(2)
        )
        self.drop, self.beta = nn.Dropout(dropout), nn.Linear(topics, words, bias=False)
        self.norm = nn.BatchNorm1d(words, affine=False)

    def encode(self, x: Tensor) -> td.Normal:
        """Return q(z|x)."""
        hidden = self.hidden(x)
        return td.Normal(self.loc(hidden), (self.log_var(hidden) / 2).exp())

    def decode(self, proportions: Tensor) -> Tensor:
        """Return the logits of the words."""
        logits: Tensor = self.norm(self.beta(self.drop(proportions)))
        return logits

    def model(self, x: Tensor) -> None:
        """Draw z, and observe the words given its softmax."""
        import pyro
        import pyro.distributions as dist

        pyro.module("networks", self)
        with pyro.plate("texts", len(x)):
            zero = x.new_zeros(len(x), self.beta.in_features)
            z = pyro.sample("z", dist.Normal(zero, torch.ones_like(zero)).to_event(1))
            total = int(x.sum(-1).max())
            pyro.sample("words", dist.Multinomial(total, logits=self.decode(z.softmax(-1))), obs=x)

    def guide(self, x: Tensor) -> None:
        """Draw z from q(z|x)."""
        import pyro
        import pyro.distributions as dist

        pyro.module("networks", self)
        with pyro.plate("texts", len(x)):
            q = self.encode(x)
            pyro.sample("z", dist.Normal(q.loc, q.scale).to_event(1))


def train_pyro(data: er.Data, texts: Texts, topics: int, seconds: float, seed: int) -> TopicPosterior:
    """Train Pyro's model, and keep the best weights of the validation texts."""
    import pyro
    from pyro.infer import SVI, TraceMeanField_ELBO
    from pyro.optim import Adam

    pyro.set_rng_seed(seed)
    pyro.clear_param_store()
    net, x = PyroProdLDA(data.shape[0], topics), texts["train"]
    svi = SVI(net.model, net.guide, Adam({"lr": 1e-3}), TraceMeanField_ELBO())
    posterior = NeuralPosterior(
        net.encode, net.decode, td.Normal(torch.zeros(topics), torch.ones(topics)), net.beta.weight.detach().T
    )
    best, weights = np.inf, {}
    for _ in iter_looks(seconds):
        for rows in torch.randperm(len(x)).split(32):
            svi.step(x[rows])
        net.eval()
        loss = posterior.nats_of_texts(texts["validation"], 1).sum().item()
        if loss < best:
            best, weights = loss, {name: tensor.clone() for name, tensor in net.state_dict().items()}
        net.train()
    net.load_state_dict(weights)
    net.eval()
    posterior.topics = net.beta.weight.detach().T
    return posterior


def train_lda(data: er.Data, texts: Texts, topics: int, seconds: float, seed: int) -> TopicPosterior:
    """Train LDA for as many rounds as the seconds have room for, at most 200."""
    x = texts["train"].double().numpy()
    began = time.process_time()
    LatentDirichletAllocation(topics, random_state=seed, max_iter=2).fit(x)
    rounds = 2 * seconds / (time.process_time() - began)
    return DirichletPosterior(
        LatentDirichletAllocation(topics, random_state=seed, max_iter=min(200, max(1, round(rounds)))).fit(x)
    )


def iter_looks(seconds: float) -> Iterator[int]:
    """Count up until the processor seconds are spent."""
    end_s = time.process_time() + seconds
    for turn in itertools.count():
        if time.process_time() > end_s:
            return
        yield turn


MODELS = {"prod_lda": train_elbowroom, "pyro": train_pyro, "lda": train_lda}


def measure(model: str, data: er.Data, texts: Texts, topics: int, seconds: float, seed: int) -> Iterator[Row]:
    """Train a model, and yield its measures."""
    torch.manual_seed(seed)
    began = time.process_time()
    posterior = MODELS[model](data, texts, topics, seconds, seed)
    spent = time.process_time() - began
    torch.manual_seed(seed)
    x = texts["test"]
    words, nats = x.sum(-1), posterior.nats_of_texts(x)
    seen, hidden = halve(x, seed)
    first = posterior.topics.topk(WORDS, -1).indices
    has_word = (texts["train"] > 0).double()
    npmi = torch.stack([mean_npmi(has_word[:, row].T @ has_word[:, row], len(has_word)) for row in first])
    yield {
        "npmi": npmi.mean().item(),
        "diversity": len(first.unique()) / first.numel(),
        "perplexity": (nats.sum() / words.sum()).exp().item(),
        "perplexity_per_text": (nats / words).mean().exp().item(),
        "completion": (posterior.nats_of_hidden(seen, hidden).sum() / hidden.sum()).exp().item(),
        "cpu_seconds": spent,
        "topics": [[data.protocol["items"][i] for i in row] for row in first.tolist()],
    }


def halve(x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Return bags of half of the words of each text, and of the others."""
    generator = torch.Generator().manual_seed(seed)
    seen = torch.binomial(x, torch.full_like(x, 0.5), generator)
    return seen, x - seen


def load() -> tuple[er.Data, Texts]:
    """Return the texts, and the bags of words of each split."""
    data = er.load_data(Path(os.environ["ELBOWROOM_DATA"]) / "Text" / "bbc_news.tsv")
    return data, {name: torch.cat([batch.x for batch in getattr(data, name).batches(500)]) for name in SPLITS}


def print_measures(results: Results) -> None:
    """Print all rows as a table."""
    head = ("model", "seed", "NPMI", "diversity", "perplexity", "per text", "completion", "processor seconds")
    rows = [
        (
            row["model"],
            str(row["seed"]),
            f"{row['npmi']:.3f}",
            f"{row['diversity']:.2f}",
            *(f"{row[key]:.0f}" for key in ("perplexity", "perplexity_per_text", "completion", "cpu_seconds")),
        )
        for row in results.rows({})
    ]
    print_markdown(head, rows)


def main() -> None:
    """Measure what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmark-topics"))
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--topics", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    results, (data, texts) = Results(options.out), load()
    for seed, model in itertools.product(options.seeds, options.models):
        key = {"model": model, "k": options.topics, "seconds": options.seconds, "seed": seed}
        results.measure(key, partial(measure, model, data, texts, options.topics, options.seconds, seed))
    print_measures(results)


if __name__ == "__main__":
    main()
