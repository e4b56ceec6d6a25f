"""Quantizers in the same network after the same steps: elbowroom's against the layers of vector-quantize-pytorch.

    python benchmarks/images/quantizers.py [--data fashion-mnist | celeba] [--steps 2000] [--seed 0] [--only NAME ...]

The network is the residual one of elbowroom with channels 32 and 64, the latent a map of 7x7 or 8x8 positions with
about 1,024 codes each; 32 images a step, one-cycle learning rate up to 0.001. Only the quantizer differs: those named
``layer …`` are the package's modules with their defaults and their own losses (``layers.py``), trained by the same
loop. CelebA is at 32x32, 7,500 of its first 10,000 images to train on. On test images:

- PSNR, and FID of reconstructions in the features that ``elbowroom evaluate`` has for this data (``rFID``);
- ``usage``: the share of codes that occur, and ``perplexity``: the exponential of the entropy of their frequencies;
- ``code nats``: minus the log-probability of an image's indices, under independent categoricals (``prior``), which are
  trained with the model, and under the autoregressive sampler of ``AUTOREGRESSIVE`` variants, fitted for
  ``--sampler-steps``;
- FID of as many samples as there are test images, of both densities; the row ``training images`` is its floor.

A result is one JSON line in ``FOLDER/results.jsonl``; what is there already is not measured again. Beside it are pages
of test images above their reconstructions, and of samples.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from layers import LAYERS, LayerLoss, LayerQuantizer
from results import Results, Row, print_markdown
from torch import Tensor
from variants import BLOCK, count_parameters

import elbowroom as er
from elbowroom.samplers.training_latents import fit_to_model

WIDTHS = (32, 64)
TRAINING: dict[str, Any] = {"batch_size": 32, "lr": 1e-3}
#: Options of the data, by name.
DATA: dict[str, dict[str, Any]] = {
    "fashion-mnist": {},
    "celeba": {"resize": (32, 32), "validation": 0.05, "test": 0.2},
}
#: Test images that are measured, and samples.
TEST_IMAGES = 2_000
OURS = {
    "codebook": "codebook:1024",
    "rotation": "rotation:1024",
    "cosine": "cosine:1024",
    "simvq": "simvq:1024",
    "fsq": "fsq:8,5,5,5",
    "lfq": "lfq:10",
    "bsq": "bsq:10",
    "residual": "residual:32x2",
    "product": "product:32x2",
    "diveq": "diveq:1024",
    "stochastic": "stochastic:1024",
    "perturbed": "perturbed:1024",
    "fsp": "fsp:8,5,5,5",
    "scalars": "scalars:5x4",
    "shared-residual": "shared-residual:32x2",
}
#: Numbers of a code, where a quantizer is made for short ones.
DIMS = {"perturbed": 4}
VARIANTS = [*OURS, *(f"layer {name}" for name in LAYERS)]
#: Variants whose codes an autoregressive sampler is fitted to.
AUTOREGRESSIVE = ("codebook", "fsq", "residual", "layer VectorQuantize", "layer FSQ")


def make_variant(name: str, shape: tuple[int, ...], seed: int) -> tuple[er.GenerativeModel, er.Term]:
    """Return model and objective: the recipe with a quantizer, or the same with a layer in its place."""
    arguments: dict[str, Any] = {
        "network": "residual",
        "widths": WIDTHS,
        "levels": len(WIDTHS),
        "likelihood": "gaussian",
    }
    if name in OURS:
        arguments |= {"dim": DIMS[name]} if name in DIMS else {}
        return er.recipes.quantized_vae(shape, quantizer=OURS[name], seed=seed, **arguments)
    torch.manual_seed(seed)
    likelihood = er.likelihood(arguments.pop("likelihood"), shape)
    architecture = er.Architecture(shape, **arguments)
    family = LayerQuantizer(LAYERS[name.removeprefix("layer ")], architecture.map_shape(1)[1:])
    model = er.Model(architecture.encoder(family), architecture.decoder(family, likelihood), er.CodePrior(family))
    return model, er.ELBO() + LayerLoss(family)


def train(name: str, data: er.Data, steps: int, seed: int) -> tuple[er.GenerativeModel, float]:
    """Train a variant, without validation, monitoring and report; return the model and the CPU seconds."""
    quiet: dict[str, Any] = {"watch": (), "report": False, "progress": False, "device": "cpu", "sampler": "none"}
    model, objective = make_variant(name, data.shape, seed)
    schedule, started = er.LRSchedule("one-cycle"), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/run"
        er.fit(model, objective, data, steps=steps, seed=seed, out=out, callbacks=[schedule], **quiet, **TRAINING)
    return model.eval(), time.process_time() - started


class Judge:
    """Measures models against the test images."""

    def __init__(self, data: er.Data) -> None:
        from elbowroom.evaluation.metrics.feature_extractor import default_features

        self.data, self.features = data, default_features(data)
        self.test = data.test.first(TEST_IMAGES).x
        self.test_features = self.features(self.test.split(BLOCK))

    def fid(self, name: str, images: Tensor) -> Row:
        """Return the FID between images and the test images, and its error."""
        from elbowroom.evaluation.metrics.fid_kid import frechet_distance

        fid, error = frechet_distance(self.test_features, self.features(images.split(BLOCK)))
        return {name: fid, f"{name}_error": error}

    def score_reconstructions(self, images: Tensor) -> Row:
        from elbowroom.evaluation.metrics.ssim_psnr import psnr

        return {"psnr": psnr(images, self.test).mean().item()} | self.fid("rfid", images)

    def score_codes(self, quantizer: er.Quantizer, indices: Tensor) -> Row:
        """Return usage and perplexity of the codes with these indices, (N, P, H)."""
        joint = quantizer.join_index(indices).flatten()
        shares = joint.unique(return_counts=True)[1] / len(joint)
        return {"usage": len(shares) / quantizer.n_codes, "perplexity": shares.log().mul(-shares).sum().exp().item()}


@torch.no_grad()
def measure(name: str, judge: Judge, results: Results, args: argparse.Namespace) -> Iterator[Row]:
    """Train a variant; yield the scores of its reconstructions and codes, and of the samples of each density."""
    with torch.enable_grad():
        model, cpu_s = train(name, judge.data, args.steps, args.seed)
    quantizer, label = model.quantizer, f"{args.data}-{name}-{args.steps}-{args.seed}"
    assert quantizer is not None
    parts = judge.test.split(BLOCK)
    images = torch.cat([model.reconstruct(x) for x in parts]).clamp(0, 1)
    indices = torch.cat([model.posterior(x).indices for x in parts])
    results.save_pairs(label, judge.test, images)
    row = {"variant": name, "parameters": count_parameters(model), "cpu_s": round(cpu_s, 2)}
    row |= judge.score_reconstructions(images) | judge.score_codes(quantizer, indices)
    yield row | score_density(model, "prior", indices, judge, results, label)
    if name in AUTOREGRESSIVE:
        started = time.process_time()
        with torch.enable_grad():
            model.sampler = fit_to_model(model, judge.data.train, f"{args.sampler}:{args.sampler_steps}")
        fitted_s = round(time.process_time() - started, 2)
        yield row | {"sampler_s": fitted_s} | score_density(model, args.sampler, indices, judge, results, label)


def score_density(
    model: er.GenerativeModel, name: str, indices: Tensor, judge: Judge, results: Results, label: str
) -> Row:
    """Return the nats of codes under the density that the model samples from, and the FID of its samples."""
    torch.manual_seed(0)
    log_mass = model.latent_prior().log_mass if model.sampler is None else model.sampler.log_mass
    nats = -torch.cat([log_mass(part) for part in indices.split(BLOCK)])
    samples = torch.cat([model.sample(BLOCK, draw=False) for _ in range(TEST_IMAGES // BLOCK)]).clamp(0, 1)
    results.save_page(f"{label}-samples-{name}", samples[:64])
    spread = (nats.std() / len(nats) ** 0.5).item()
    return {"density": name, "code_nats": nats.mean().item(), "code_nats_error": spread} | judge.fid("fid", samples)


def measure_floor(judge: Judge) -> Iterator[Row]:
    yield {"variant": "training images"} | judge.fid("fid", judge.data.train.first(TEST_IMAGES).x)


def print_table(rows: list[Row]) -> None:
    """Print the rows as Markdown, in the order in which they were measured."""
    head = ("quantizer", "PSNR, dB", "rFID", "usage", "perplexity", "density", "code nats", "FID of samples", "CPU s")
    forms = {"psnr": ".2f", "rfid": ".2f", "usage": ".0%", "perplexity": ",.0f", "density": "", "code_nats": ".1f"}
    forms |= {"fid": ".2f", "cpu_s": ".0f"}
    print_markdown(
        head,
        [
            [row["variant"], *(f"{row[name]:{form}}" if name in row else "" for name, form in forms.items())]
            for row in rows
        ],
    )


def main() -> None:
    """Measure the variants that are not in the results yet, and print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=list(DATA), default="fashion-mnist")
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--sampler", default="pixelcnn", help="autoregressive sampler of codes")
    parser.add_argument("--sampler-steps", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=VARIANTS, metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("runs/quantizers"), help="of results.jsonl and the pages")
    args = parser.parse_args()
    results, judge = Results(args.out), Judge(er.load_data(args.data, **DATA[args.data]))
    place = {"data": args.data, "features": judge.features.hash}
    budget = place | {"steps": args.steps, "sampler_steps": args.sampler_steps, "seed": args.seed}
    results.measure({"task": "floor"} | place, partial(measure_floor, judge))
    for name in args.only:
        results.measure({"task": name} | budget, partial(measure, name, judge, results, args))
    print_table([*results.rows({"task": "floor"} | place), *results.rows(budget)])


if __name__ == "__main__":
    main()
