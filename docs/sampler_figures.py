"""Table of samplers: log-density of held-out latents of a run under each, and the processor time of its fit.

python docs/sampler_figures.py RUN [SAMPLER …]
"""

from __future__ import annotations

import sys
import time

import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.samplers import fit_to_model
from elbowroom.samplers.training_latents import draw_training_latents

NAMES = (
    "standard",
    "gaussian",
    "mixture:10",
    "flow:maf",
    "flow:iaf",
    "flow:nsf",
    "flow-matching",
    "two-stage",
    "neighbors:5",
)
#: Latents that a sampler is fitted to, and held-out ones that it is scored on, at most.
N_TRAIN, N_HELD_OUT = 8_000, 2_000


def main(path: str, *names: str) -> None:
    """Print the table, a row for each sampler as soon as it is fitted."""
    run = er.Run(path)
    model, data = run.model(), run.measured_data()
    held_out = data.get_split("test" if data.test is not None else "validation")
    z, condition = draw_training_latents(model, held_out, N_HELD_OUT, seed=0)
    given = () if condition is None else (condition,)
    print("| sampler | log-density, nats | fit, processor s |\n|---|---|---|")
    for name in names or NAMES:
        started = time.process_time()
        sampler = fit_to_model(model, data.train, name, N_TRAIN)
        seconds = time.process_time() - started
        with torch.no_grad(), noise.seeded_rng(0):
            scores = sampler(*given).log_prob(z) if sampler.has_density else None
        print(row(f"`{name}`", scores, seconds), flush=True)


def row(name: str, scores: torch.Tensor | None, seconds: float) -> str:
    """Return a row of the table: the mean of the scores with its standard error."""
    mean = "none" if scores is None else f"{scores.mean():.2f} ± {scores.std() / len(scores) ** 0.5:.2f}"
    return f"| {name} | {mean} | {seconds:.1f} |"


if __name__ == "__main__":
    main(*sys.argv[1:])
