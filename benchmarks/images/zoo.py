"""Every recipe on binarized MNIST in the same time: bounds, latents, samples, and what the doctor says.

    python benchmarks/images/zoo.py [--classic-steps 7000] [--seeds 3] [--only NAME ...] [--out FOLDER]

Images are drawn as Bernoulli at every epoch (``--binarize dynamic``), those of validation and test once. Every recipe
trains for as many steps as fit into the time of 7,000 steps of the classic, one and a half to two minutes of one
thread; both are timed just before, so that rows of several machines stand in one table. In batches of
128 by Adam with a one-cycle learning rate up to 0.001, where the recipe comes with no settings of its own. Recipes of
perceptrons have the classic's network, 784-400-20 with ReLU; the others what they have by default; and a Gaussian
likelihood of learned scale, which would shrink without end on bits, is a Bernoulli. Those of
``MOST_USED`` are trained with ``--seeds`` seeds, the others with the first. On 2,000 test images:

- ELBO, KL and importance bound of 100 samples, nats, the active units, and the accuracy of a linear probe on the
  latents of 10,000 training images; empty where the model does not define them, with the reason in the row;
- FID of 2,000 samples (means of p(x|z); of a decoder that reads x, draws) in the features that ``elbowroom evaluate``
  has for MNIST, from the prior and from ``mixture:10`` fitted to the latents, or the sampler of codes; its floor is
  that of as many training images. The features are kept beside the results, since another processor would train others;
- the titles of the doctor's findings, and the checks that the auditor fails.

A result is one JSON line in ``FOLDER/results.jsonl``; what is there already is not measured again. Beside it is a
picture of each recipe: test images, their reconstructions, samples of the prior, samples of the fitted density.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from results import Results, Row, print_markdown
from torch import Tensor
from variants import BLOCK, count_parameters

import elbowroom as er
from elbowroom.networks.features import Features, read_features
from elbowroom.recipes import RECIPES

TEST_IMAGES, PROBE_IMAGES = 2_000, 10_000
#: Images in a row of a recipe's picture.
COLUMNS_OF_PICTURE = 12
#: Posterior samples of the importance bound.
SAMPLES = 100
#: Steps that the seconds of one are measured with, after as many to warm up; of the classic, which takes milliseconds.
TIMED_STEPS, TIMED_STEPS_OF_CLASSIC = 20, 200
TRAINING: dict[str, Any] = {"batch_size": 128, "lr": 1e-3, "schedule": "one-cycle"}
#: Settings of a recipe's training that are taken over; the others are those of its data and its length.
OF_RECIPE = ("batch_size", "lr", "average")
CLASSIC = {"hidden": (400,), "latent": 20}
LEARNED_SCALES = ("gaussian", "gaussian:optimal", "gaussian:channels")
#: The recipe whose time is the unit of all.
CLASSIC_RECIPE = "vae"
GIVEN_CLASS, WITH_CLASS = "bernoulli given the class", "bernoulli and the class"
#: Recipes whose bound is of something else than all pixels: log p(x|y) of those that take the label, log p(x, y) of
#: those that have it as a latent.
OTHER_BOUNDS = {
    "not_miwae": "bernoulli, and of which pixels are missing",
    "vaeac": "bernoulli of hidden pixels",
    **dict.fromkeys(("cvae", "conv_cvae"), GIVEN_CLASS),
    **dict.fromkeys(("m2", "m1_m2", "ccvae"), WITH_CLASS),
}
MOST_USED = (
    "vae",
    "autoencoder",
    "beta_vae",
    "iwae",
    "vamp_vae",
    "cvae",
    "factor_vae",
    "beta_tc_vae",
    "wae_mmd",
    "rae_l2",
    "vq_vae",
    "conv_vae",
)
COLUMNS = ("elbo", "importance_bound", "kl", "active_units", "linear_probe_accuracy", "fid_prior", "fid_sampler")


def load_data() -> er.Data:
    """Return binarized MNIST with the test images that are measured."""
    data = er.load_data("mnist", binarize="dynamic")
    return dataclasses.replace(data, test=data.test.subset(torch.arange(TEST_IMAGES)))


def names(shape: tuple[int, ...]) -> list[str]:
    """Return the recipes that take images of this shape and one view."""
    return [name for name, recipe in RECIPES.items() if recipe.takes(shape)]


def arguments_of(name: str) -> dict[str, Any]:
    """Return the likelihood of bits, and the classic's sizes, where a recipe has them and is one of perceptrons."""
    arguments = RECIPES[name].arguments
    defaults = {key: argument.default for key, argument in arguments.items()}
    likelihood = {"likelihood": "bernoulli"} if defaults.get("likelihood") in LEARNED_SCALES else {}
    # Latents of a quantizer are positions with codes, of which a recipe has as many as suit it.
    is_classic = defaults.get("network") == "mlp" and isinstance(defaults.get("latent"), int) and "dim" not in defaults
    if not is_classic:
        return likelihood
    return likelihood | {key: value for key, value in CLASSIC.items() if key in defaults}


def likelihood_of(name: str) -> str | None:
    """Return the likelihood that a recipe is measured with, None if that is its own; bounds of one are comparable."""
    argument = RECIPES[name].arguments.get("likelihood")
    return OTHER_BOUNDS.get(name) or arguments_of(name).get("likelihood", argument and argument.default)


def settings_of(name: str) -> dict[str, Any]:
    """Return the settings that a recipe is trained with: its own, or those of all."""
    return TRAINING | {key: value for key, value in RECIPES[name].defaults.items() if key in OF_RECIPE}


def fit(name: str, data: er.Data, steps: int, seed: int, out: str, *callbacks: er.Callback) -> er.Run:
    """Train a recipe for some steps, without validation and report."""
    settings = settings_of(name)
    callbacks = (er.LRSchedule(settings.pop("schedule")), *callbacks)
    if average := settings.pop("average", None):
        callbacks = (er.EMA(average), *callbacks)
    quiet: dict[str, Any] = {"watch": (), "report": False, "progress": False, "device": "cpu", "sampler": "none"}
    model, objective = RECIPES[name](data.shape, seed=seed, **arguments_of(name))
    return er.fit(model, objective, data, steps=steps, seed=seed, out=out, callbacks=callbacks, **quiet, **settings)


def time_step(name: str, data: er.Data, folder: str, steps: int = TIMED_STEPS) -> float:
    """Return the CPU seconds of a step of a recipe, the mean over some after as many to warm up."""
    marks: list[float] = []
    fit(name, data, 2 * steps, 0, f"{folder}/timed-{name}", er.on.step(lambda _: marks.append(time.process_time())))
    return (marks[-1] - marks[steps - 1]) / steps


def steps_per_epoch(name: str, data: er.Data) -> int:
    """Return the steps of an epoch in the batches of a recipe."""
    return data.train.steps(settings_of(name)["batch_size"])


def keep_features(folder: Path, data: er.Data) -> Features:
    """Return the features that lie in a folder; without, those of ``elbowroom evaluate`` are put there."""
    from elbowroom.evaluation.metrics.feature_extractor import default_features

    path = folder / "features.safetensors"
    if not path.exists():
        default_features(data).save(path)
    return read_features(path)


class Judge:
    """Measures models on the test images."""

    def __init__(self, data: er.Data, features: Features) -> None:
        self.data, self.features = data, features
        self.test_features = self.features(data.test.first(TEST_IMAGES).x.split(BLOCK))

    def sample(self, model: er.GenerativeModel) -> list[Tensor]:
        """Return samples in blocks: of a conditional model of all classes in turn."""
        torch.manual_seed(0)
        labels = torch.arange(BLOCK) % 10 if model.requires_labels else None
        return [model.sample(BLOCK, c=labels) for _ in range(TEST_IMAGES // BLOCK)]

    def fid(self, parts: list[Tensor]) -> float:
        """Return the FID of samples in blocks."""
        from elbowroom.evaluation.metrics.fid_kid import frechet_distance

        return frechet_distance(self.test_features, self.features(parts))[0]

    def floor(self) -> Iterator[Row]:
        from elbowroom.evaluation.metrics.fid_kid import frechet_distance

        x = self.data.train.first(TEST_IMAGES).x
        distance = frechet_distance(self.test_features, self.features([x]))[0]
        yield {"recipe": "training images", "features": self.features.hash, "fid_prior": distance}

    def score(self, run: er.Run, results: Results, name: str) -> Row:
        """Return the metrics of a run, and what the doctor and the auditor find; its picture is saved."""
        model = run.model()
        probed = dataclasses.replace(self.data, train=self.data.train.subset(torch.arange(PROBE_IMAGES)))
        metrics = er.evaluate(model, probed, metrics="likelihood,latent,reconstruction,probes", samples=SAMPLES)
        row = {name: metrics[name].value for name in COLUMNS if name in metrics}
        row["notes"] = {name: metrics[name].note for name, value in row.items() if value is None}
        kinds = {"prior": self.sample(model)} if model.has_prior else {}
        kinds["sampler"] = self.sample(self.fit_sampler(model))
        row |= {f"fid_{kind}": self.fid(kinds[kind]) if kind in kinds else None for kind in ("prior", "sampler")}
        results.save_page(name, self.picture(model, kinds), COLUMNS_OF_PICTURE)
        row["findings"] = [finding.title for finding in er.doctor.examine(run, self.data)]
        row["audit"] = [outcome.name for outcome in er.audit(model, self.data) if outcome.passed is False]
        return row

    def fit_sampler(self, model: er.GenerativeModel) -> er.GenerativeModel:
        """Return the model with a density that is fitted to its latents."""
        from elbowroom.samplers.training_latents import fit_to_model

        sampler = "mixture:10" if model.quantizer is None else "pixelcnn:200"
        with torch.enable_grad():
            return model.with_sampler(fit_to_model(model, self.data.train, sampler))

    def picture(self, model: er.GenerativeModel, kinds: dict[str, list[Tensor]]) -> Tensor:
        """Return rows of images: of the test split, their reconstructions, and samples of each kind."""
        test = self.data.test.first(COLUMNS_OF_PICTURE)
        reconstructions = model.reconstruct(test.x, c=test.y if model.requires_labels else None)
        return torch.cat([test.x, reconstructions, *(parts[0][:COLUMNS_OF_PICTURE] for parts in kinds.values())])


def measure(name: str, seed: int, judge: Judge, results: Results, classic_steps: int) -> Iterator[Row]:
    """Train a recipe for the time of some steps of the classic and yield its scores."""
    with tempfile.TemporaryDirectory() as folder:
        classic_s = time_step(CLASSIC_RECIPE, judge.data, folder, TIMED_STEPS_OF_CLASSIC)
        ratio = 1.0 if name == CLASSIC_RECIPE else time_step(name, judge.data, folder) / classic_s
        steps = max(1, math.floor(classic_steps / ratio))
        started = time.process_time()
        run = fit(name, judge.data, steps, seed, f"{folder}/run")
        spent = time.process_time() - started
        epoch = ratio * steps_per_epoch(name, judge.data) / steps_per_epoch(CLASSIC_RECIPE, judge.data)
        cost = {"steps": steps, "cpu_s": round(spent, 1), "epoch_cost": round(epoch, 3)}
        yield (
            {"recipe": name, "likelihood": likelihood_of(name), "parameters": count_parameters(run.model())}
            | {"features": judge.features.hash}
            | cost
            | judge.score(run, results, f"{name}-{seed}")
        )


def print_table(rows: list[Row]) -> None:
    """Print the rows as Markdown, the best importance bound first, with the mean over the seeds."""
    head = (
        "recipe",
        "ELBO",
        "bound",
        "KL",
        "active",
        "probe",
        "FID prior",
        "FID sampler",
        "epoch",
        "doctor",
        "audit",
    )
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row["recipe"], []).append(row)
    ranked = sorted(by_name.values(), key=lambda same: -(mean(same, "importance_bound") or -math.inf))
    print_markdown(head, [format_row(same) for same in ranked])


def mean(rows: list[Row], name: str) -> float | None:
    values = [row[name] for row in rows if row.get(name) is not None]
    return sum(values) / len(values) if values else None


def format_row(rows: list[Row]) -> list[str]:
    """Return the cells of one recipe: means, with the deviation over seeds of its bound."""
    forms = {
        "elbo": ".2f",
        "importance_bound": ".2f",
        "kl": ".1f",
        "active_units": ".0f",
        "linear_probe_accuracy": ".1%",
    }
    forms |= {"fid_prior": ".1f", "fid_sampler": ".1f", "epoch_cost": ".1f"}
    cells = [f"{value:{form}}" if (value := mean(rows, name)) is not None else "" for name, form in forms.items()]
    titles = [", ".join(sorted({title for row in rows for title in row.get(key, ())})) for key in ("findings", "audit")]
    return [f"`{rows[0]['recipe']}`", *cells, titles[0], titles[1] and f"fails {titles[1]}"]


def main() -> None:
    """Measure the recipes that are not in the results yet, and print the table of all."""
    data = load_data()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classic-steps", type=int, default=7_000, help="that fit into the time of each training")
    parser.add_argument("--seeds", type=int, default=3, help="of the most used recipes")
    parser.add_argument("--only", nargs="+", choices=names(data.shape), default=names(data.shape), metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("runs/zoo"), help="of results.jsonl")
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = Results(args.out)
    judge = Judge(data, keep_features(args.out, data))
    budget = {"classic_steps": args.classic_steps}
    results.measure({"task": "floor"} | budget, judge.floor)
    for seed in range(args.seeds):
        for name in args.only:
            if seed == 0 or name in MOST_USED:
                key = {"task": name, "seed": seed} | budget
                results.measure(key, partial(measure, name, seed, judge, results, args.classic_steps))
    print_table(results.rows(budget))


if __name__ == "__main__":
    main()
