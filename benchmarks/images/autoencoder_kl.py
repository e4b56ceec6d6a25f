"""Autoencoders for latent diffusion after the same CPU seconds: elbowroom's recipe against diffusers' model and script.

    python benchmarks/images/autoencoder_kl.py [--cpu-seconds 1200] [--seed 0] [--only NAME ...] [--out FOLDER]

The data: 10,000 faces of CelebA in colour at 64x64, 7,500 to train on, 2,000 for test. Every variant has diffusers'
network of the same sizes (``WIDTHS``, one residual block a level, 4 latent channels of 16x16) and is trained for the
same CPU seconds of this process. Test images are then reconstructed from the mean of their latents, clamped to [0, 1]:

- PSNR and SSIM, means over images;
- ``perceptual``: the squared distance in the features that ``elbowroom evaluate`` has for this data, a classifier of
  its attributes, a mean over images; features have mean 0 and variance 1 over training images;
- FID between reconstructions and test images in the same features. The row ``training images`` is the floor of samples,
  as many training images in place of reconstructions, which a good reconstruction falls below;
- the standard deviation of latents of training images, and of latents times the scaling factor of the export.

Rows of elbowroom have a one-cycle learning rate up to 0.002; the critic counts in the second half of the training.
Rows of diffusers are ``AutoencoderKL`` in the loop of its script ``train_autoencoderkl.py``: squared error and a KL
weighted by 1e-6, both summed; AdamW with weight decay 0.01, gradients clipped at 1, a warm-up of 500 steps; on images
in [-1, 1]. The script's perceptual loss is taken without gradient, so it trains nothing, and its critic starts at step
50,001, which no row reaches: neither is computed here, which makes the loop faster than the script. Its learning rate
is 4.5e-6; rows with higher ones are beside it.

A result is one JSON line in ``FOLDER/results.jsonl``; what is there already is not measured again. Beside it are pages
of test images above their reconstructions.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from results import Results, Row, print_markdown
from torch import Tensor, nn
from variants import BLOCK, all_images, count_parameters, train_loop

import elbowroom as er

#: Channels of the levels of the network; sides halve between them.
WIDTHS = (16, 32, 32)
LATENT_CHANNELS = 4
#: Arguments of the recipe that make diffusers' network of these sizes.
NETWORK = {"widths": WIDTHS, "channels": LATENT_CHANNELS, "layers": 1, "groups": 8}
#: Images in a step.
BATCH_SIZE = 16
#: Weight of the KL, of its mean over the batch, beside the summed squared error of images in [-1, 1].
KL_SCALE = 1e-6
WARM_UP_STEPS = 500
#: The share of the training after which the critic of the recipe counts.
CRITIC_START = 0.5
#: Steps that the seconds of one are measured with, after as many to warm up.
TIMED_STEPS = 15
#: Training images whose latents are measured.
MEASURED_LATENTS = 1_000


class Autoencoder(NamedTuple):
    """A trained autoencoder of images in [0, 1]: how to encode and decode them, and what it cost."""

    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    parameters: int
    steps: int
    cpu_s: float


def train_ours(
    arguments: dict[str, Any], settings: dict[str, Any], data: er.Data, cpu_s: float, seed: int
) -> Autoencoder:
    """Train the recipe for as many steps as fit into the CPU seconds, by the seconds that some steps take."""
    marks: list[float] = []
    watch = er.on.step(lambda state: marks.append(time.process_time()))
    # The critic trains from half of its start on, so these steps cost what those with it do.
    fit_recipe(arguments | {"start": TIMED_STEPS}, settings, data, 2 * TIMED_STEPS, seed, watch)
    steps = max(1, math.floor(cpu_s * TIMED_STEPS / (marks[-1] - marks[TIMED_STEPS - 1])))
    started = time.process_time()
    model = fit_recipe(arguments | {"start": round(CRITIC_START * steps)}, settings, data, steps, seed)
    trained_s = time.process_time() - started
    return Autoencoder(model.encode, lambda z: model.sample(z=z, draw=False), count_parameters(model), steps, trained_s)


def fit_recipe(
    arguments: dict[str, Any], settings: dict[str, Any], data: er.Data, steps: int, seed: int, *callbacks: er.Callback
) -> er.GenerativeModel:
    """Train the recipe for some steps, without validation, monitoring and report, and return the model."""
    torch.manual_seed(seed)
    quiet: dict[str, Any] = {"watch": (), "report": False, "progress": False, "device": "cpu", "sampler": "none"}
    model, objective = er.recipes.find("autoencoder_kl")(data.shape, **NETWORK, **arguments)
    settings = {"batch_size": BATCH_SIZE} | settings
    if schedule := settings.pop("schedule", None):
        callbacks = (er.LRSchedule(schedule), *callbacks)
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/run"
        return er.fit(
            model, objective, data, out=out, steps=steps, seed=seed, callbacks=callbacks, **quiet, **settings
        ).model()


def train_diffusers(lr: float, data: er.Data, cpu_s: float, seed: int) -> Autoencoder:
    """Train diffusers' model in the loop of its script."""
    from diffusers import AutoencoderKL

    torch.manual_seed(seed)
    n = len(WIDTHS)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * n,
        up_block_types=("UpDecoderBlock2D",) * n,
        block_out_channels=WIDTHS,
        latent_channels=LATENT_CHANNELS,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=data.shape[-1],
    )
    optimizer = torch.optim.AdamW(vae.parameters(), lr=lr, weight_decay=1e-2)
    loss = partial(script_loss, vae, optimizer, lr)
    steps, trained_s = train_loop(vae, loss, ClippedStep(optimizer, vae), data, cpu_s, batch_size=BATCH_SIZE)
    return Autoencoder(
        lambda x: vae.encode(2 * x - 1).latent_dist.mean,
        lambda z: (vae.decode(z).sample + 1) / 2,
        count_parameters(vae),
        steps,
        trained_s,
    )


def script_loss(vae: Any, optimizer: torch.optim.Optimizer, lr: float, x: Tensor, step: int) -> Tensor:
    """Return squared error and weighted KL, summed over an example; set the learning rate of the warm-up."""
    for group in optimizer.param_groups:
        group["lr"] = lr * min(1.0, (step + 1) / WARM_UP_STEPS)
    target = 2 * x - 1
    posterior = vae.encode(target).latent_dist
    error = (vae.decode(posterior.sample()).sample - target).square().sum() / len(x)
    loss: Tensor = error + KL_SCALE * posterior.kl().sum() / len(x)
    return loss


class ClippedStep:
    """An optimizer that clips the gradients at a norm of 1 before it steps."""

    def __init__(self, optimizer: torch.optim.Optimizer, module: nn.Module) -> None:
        self.optimizer, self.module = optimizer, module
        self.param_groups = optimizer.param_groups

    def zero_grad(self) -> None:
        self.optimizer.zero_grad()

    def step(self) -> None:
        nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimizer.step()


ONE_CYCLE = {"lr": 2e-3, "schedule": "one-cycle"}
VARIANTS: dict[str, Callable[[er.Data, float, int], Autoencoder]] = {
    "autoencoder_kl": partial(train_ours, {"features": "random"}, ONE_CYCLE),
    "autoencoder_kl, no critic": partial(train_ours, {"features": "random", "adversarial": 0.0}, ONE_CYCLE),
    "autoencoder_kl, absolute error alone": partial(train_ours, {"adversarial": 0.0}, ONE_CYCLE),
    "diffusers, lr 4.5e-6": partial(train_diffusers, 4.5e-6),
    "diffusers, lr 1e-4": partial(train_diffusers, 1e-4),
    "diffusers, lr 1e-3": partial(train_diffusers, 1e-3),
}


class Judge:
    """Measures reconstructions of the test images."""

    def __init__(self, data: er.Data) -> None:
        from elbowroom.evaluation.metrics.feature_extractor import default_features

        self.features = default_features(data)
        self.train, self.test = all_images(data), data.test.first(len(data.test)).x
        self.test_features = self.features(self.test.split(BLOCK))

    def score(self, images: Tensor) -> Row:
        """Return PSNR, SSIM and perceptual distance of images to the test images, and FID, each with its error."""
        from elbowroom.evaluation.metrics.ssim_psnr import psnr, ssim

        features = self.features(images.split(BLOCK))
        distances = (features - self.test_features).square().sum(1)
        parts = list(zip(images.split(BLOCK), self.test.split(BLOCK), strict=True))
        row = {name: torch.cat([metric(x, y) for x, y in parts]) for name, metric in (("psnr", psnr), ("ssim", ssim))}
        return _means(row | {"perceptual": distances}) | self.fid(features)

    def fid(self, features: Tensor) -> Row:
        from elbowroom.evaluation.metrics.fid_kid import frechet_distance

        fid, fid_error = frechet_distance(self.test_features, features)
        return {"fid": fid, "fid_error": fid_error}

    @torch.no_grad()
    def score_latents(self, encode: Callable[[Tensor], Tensor]) -> Row:
        """Return the standard deviation of latents of training images, over all their numbers, and of each channel."""
        latents = torch.cat([encode(x) for x in self.train[:MEASURED_LATENTS].split(BLOCK)])
        return {"latent_std": latents.std().item(), "channel_std": latents.std((0, 2, 3)).tolist()}


def _means(values: dict[str, Tensor]) -> Row:
    means = {name: value.mean().item() for name, value in values.items()}
    return means | {f"{name}_error": (value.std() / len(value) ** 0.5).item() for name, value in values.items()}


@torch.no_grad()
def measure(name: str, judge: Judge, data: er.Data, results: Results, budget: Row) -> Iterator[Row]:
    """Train a variant and yield the scores of its reconstructions."""
    with torch.enable_grad():
        trained = VARIANTS[name](data, budget["budget_s"], budget["seed"])
    images = torch.cat([trained.decode(trained.encode(x)).clamp(0, 1) for x in judge.test.split(BLOCK)])
    results.save_pairs(f"{name}-{budget['budget_s']:g}s-{budget['seed']}", judge.test, images)
    cost = {"parameters": trained.parameters, "steps": trained.steps, "cpu_s": round(trained.cpu_s, 2)}
    yield {"variant": name} | cost | judge.score(images) | judge.score_latents(trained.encode)


def measure_floor(judge: Judge) -> Iterator[Row]:
    """Yield the FID of as many training images."""
    yield {"variant": "training images"} | judge.fid(judge.features(judge.train[: len(judge.test)].split(BLOCK)))


def print_table(rows: list[Row]) -> None:
    """Print the rows as Markdown, the best FID first."""
    metrics = (("psnr", 2), ("ssim", 3), ("perceptual", 2), ("fid", 2))
    head = ("model", "PSNR, dB", "SSIM", "perceptual", "FID", "deviation of latents", "parameters", "steps", "CPU s")
    cells = [
        [
            row["variant"],
            *(
                f"{row[name]:.{digits}f} ± {row[f'{name}_error']:.{digits}f}" if name in row else ""
                for name, digits in metrics
            ),
            *(
                f"{row[name]:{form}}" if name in row else ""
                for name, form in (("latent_std", ".2f"), ("parameters", ","))
            ),
            *(f"{row[name]:{form}}" if name in row else "" for name, form in (("steps", ","), ("cpu_s", ".0f"))),
        ]
        for row in sorted(rows, key=lambda row: row["fid"])
    ]
    print_markdown(head, cells)


def main() -> None:
    """Measure the variants that are not in the results yet, and print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu-seconds", type=float, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("runs/autoencoder-kl"), help="of results.jsonl and the pages")
    args = parser.parse_args()
    results, data = Results(args.out), er.load_data("celeba", validation=0.05, test=0.2)
    judge = Judge(data)
    features = {"features": judge.features.hash}
    budget = {"seed": args.seed, "budget_s": args.cpu_seconds} | features
    results.measure({"task": "floor"} | features, partial(measure_floor, judge))
    for name in args.only:
        results.measure({"task": name} | budget, partial(measure, name, judge, data, results, budget))
    print_table([*results.rows({"task": "floor"} | features), *results.rows(budget)])


if __name__ == "__main__":
    main()
