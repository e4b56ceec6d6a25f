"""Seconds per epoch of a convolutional VAE on faces in colour: elbowroom against the classic script, in turn.

    OMP_NUM_THREADS=1 python benchmarks/faces.py [--rounds 3] [--epochs 2] [--only elbowroom classic ...]

The work: CelebA (its JPEG files, cropped in the middle and resized to 64x64), ``conv_vae`` of size s with 64
latents and ``gaussian:optimal``, batch 128, Adam 1e-3, every image used for training. The classic script opens, crops,
resizes and converts each image at every use, and has the network as it is usually written: ``Upsample`` and
``Conv2d``, channels first in memory, an eager step. ``our_network`` has the classic's
loader and elbowroom's network, which tells the two differences apart. Every variant starts from the same weights in a
process of its own; order and noise differ from round to round. A ratio compares variants of the same round.
The first epoch warms up and is not counted. Loading is timed from an empty cache, decoding included. Beside wall time
is CPU time, of the process and its children, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

LATENT = 64
#: Side of an image, pixels.
SIDE = 64
BATCH_SIZE = 128


class Timing(NamedTuple):
    """Seconds until training could begin, both clocks before and after every epoch, the mean loss of the last epoch."""

    load: float
    marks: list[tuple[float, float]]
    loss: float


def read_clocks() -> tuple[float, float]:
    """Return wall time and CPU time so far, seconds."""
    cpu = os.times()
    return time.perf_counter(), cpu.user + cpu.system + cpu.children_user + cpu.children_system


VARIANTS: dict[str, Callable[[Path, int, int], Timing]] = {}


def register_variant(function: Callable[[Path, int, int], Timing]) -> Callable[[Path, int, int], Timing]:
    """Register a function that trains on a folder of JPEG files for some epochs, with order and noise from a seed."""
    VARIANTS[function.__name__] = function
    return function


@register_variant
def elbowroom(folder: Path, epochs: int, seed: int, precision: Any = "float32") -> Timing:
    """``elbowroom train conv_vae --data FOLDER --crop 74 --resize 64 --size s``, without validation."""
    import elbowroom as er

    with tempfile.TemporaryDirectory() as cache:
        os.environ["ELBOWROOM_CACHE"] = cache
        start = time.perf_counter()
        crop = crop_size(folder)
        data = er.load_data(folder, crop=crop, resize=SIDE, validation=0, test=0)
        load = time.perf_counter() - start
        marks: list[tuple[float, float]] = []
        note = [hook(lambda state: marks.append(read_clocks())) for hook in (er.on.start, er.on.epoch)]
        settings: Any = {"epochs": epochs, "batch_size": BATCH_SIZE, "device": "cpu", "watch": (), "seed": seed}
        run = er.fit(*recipe_model(), data, out=f"{cache}/run", callbacks=note, precision=precision, **settings)
        rows = run.metrics("train")
    last = [row for row in rows if row["epoch"] == epochs]
    return Timing(load, marks, sum(r["loss"] * r["examples"] for r in last) / sum(r["examples"] for r in last))


@register_variant
def elbowroom_bf16(folder: Path, epochs: int, seed: int) -> Timing:
    """The same with ``--precision bf16``."""
    return elbowroom(folder, epochs, seed, "bf16")


@register_variant
def classic(folder: Path, epochs: int, seed: int, workers: int = 0) -> Timing:
    """The usual script: a loader that prepares every image at each use, an eager step."""
    return train_plainly(folder, epochs, seed, plain_network(), workers)


@register_variant
def classic_2_workers(folder: Path, epochs: int, seed: int) -> Timing:
    """The same, with two loader processes."""
    return classic(folder, epochs, seed, workers=2)


@register_variant
def our_network(folder: Path, epochs: int, seed: int) -> Timing:
    """The classic's loader and loop around elbowroom's model."""
    model, objective = recipe_model()

    def loss(x: Any) -> Any:
        import torch

        return objective(model.draw(x), torch.tensor(0))

    return train_plainly(folder, epochs, seed, (list(model.parameters()), loss), workers=0)


def recipe_model() -> tuple[Any, Any]:
    """Return the model and its objective, always with the same weights."""
    import torch

    import elbowroom as er

    torch.manual_seed(0)
    return er.recipes.conv_vae((3, SIDE, SIDE), latent=LATENT, size="s", likelihood="gaussian:optimal")


def plain_network() -> tuple[list[Any], Callable[[Any], Any]]:
    """Return the parameters and the loss of the same network in plain torch, with the same weights."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    encoder = nn.Sequential(
        *(nn.Conv2d(3, 16, 3, 2, 1), nn.SiLU()),
        *(nn.Conv2d(16, 32, 3, 2, 1), nn.GroupNorm(8, 32), nn.SiLU()),
        *(nn.Conv2d(32, 64, 3, 2, 1), nn.GroupNorm(8, 64), nn.SiLU()),
        *(nn.Conv2d(64, 128, 3, 2, 1), nn.GroupNorm(8, 128), nn.SiLU()),
        *(nn.Flatten(), nn.Linear(128 * 4 * 4, 2 * LATENT)),
    )
    decoder = nn.Sequential(
        *(nn.Linear(LATENT, 128 * 4 * 4), nn.Unflatten(1, (128, 4, 4)), nn.SiLU()),
        *(nn.Upsample(scale_factor=2), nn.Conv2d(128, 64, 3, 1, 1), nn.GroupNorm(8, 64), nn.SiLU()),
        *(nn.Upsample(scale_factor=2), nn.Conv2d(64, 32, 3, 1, 1), nn.GroupNorm(8, 32), nn.SiLU()),
        *(nn.Upsample(scale_factor=2), nn.Conv2d(32, 16, 3, 1, 1), nn.GroupNorm(4, 16), nn.SiLU()),
        *(nn.Upsample(scale_factor=2), nn.Conv2d(16, 3, 3, 1, 1)),
    )
    model, _ = recipe_model()
    for plain, original in ((encoder, model.encoder), (decoder, model.decoder)):
        with torch.no_grad():
            for parameter, source in zip(plain.parameters(), original.parameters(), strict=True):
                parameter.copy_(source)

    def loss(x: Any) -> Any:
        mu, logvar = encoder(x).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        log_sigma = F.mse_loss(decoder(z), x).log() / 2
        reconstruction = x[0].numel() * (log_sigma + 0.5 * math.log(2 * math.pi) + 0.5)
        return reconstruction - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(x)

    return [*encoder.parameters(), *decoder.parameters()], loss


def train_plainly(
    folder: Path, epochs: int, seed: int, model: tuple[list[Any], Callable[[Any], Any]], workers: int
) -> Timing:
    """Train with a loader that prepares every image at each use, an eager step, Adam."""
    import torch
    from torch.utils.data import DataLoader

    torch.manual_seed(seed)
    parameters, loss_of = model
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    start = time.perf_counter()
    dataset = JpegDataset(sorted(folder.glob("*.jpg")), crop_size(folder))
    loader: Any = DataLoader(dataset, batch_size=BATCH_SIZE, shuffle=True, num_workers=workers)  # type: ignore[arg-type]
    load, marks, total = time.perf_counter() - start, [read_clocks()], 0.0
    for _ in range(epochs):
        total = 0.0
        for x in loader:
            optimizer.zero_grad()
            loss = loss_of(x)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        marks.append(read_clocks())
    return Timing(load, marks, total / len(dataset))


class JpegDataset:
    """A data set as tutorials write it: open, crop, resize, convert."""

    def __init__(self, paths: list[Path], crop: int) -> None:
        self.paths, self.crop = paths, crop

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Any:
        import numpy as np
        import torch
        from PIL import Image

        image = Image.open(self.paths[i]).convert("RGB")
        left, top = (image.width - self.crop) // 2, (image.height - self.crop) // 2
        image = image.crop((left, top, left + self.crop, top + self.crop))
        image = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().to(torch.float32).div(255)


def crop_size(folder: Path) -> int:
    """Return the side of the centre crop: 148 of the 178 pixels of an original's width."""
    from PIL import Image

    with Image.open(next(folder.glob("*.jpg"))) as image:
        return round(148 / 178 * image.width)


def unpack_celeba(folder: Path) -> None:
    """Unpack the JPEG files of CelebA, from where elbowroom finds them, into a folder."""
    from elbowroom.data.catalog.celeba import find_celeba_files

    source = find_celeba_files().images_path
    if source.is_dir():
        for path in source.glob("*.jpg"):
            (folder / path.name).symlink_to(path.resolve())
        return
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            if name.endswith(".jpg"):
                (folder / Path(name).name).write_bytes(archive.read(name))


def run_variant(name: str, folder: Path, epochs: int, seed: int) -> None:
    """Run one variant in this process, and print its timing as JSON."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        timing = VARIANTS[name](folder, epochs, seed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    images = len(list(folder.glob("*.jpg")))
    print(json.dumps({**timing._asdict(), "peak": peak, "worker": worker, "images": images}))


def epoch_seconds(run: dict[str, Any], clock: int) -> float:
    """Return the median seconds of an epoch after the first, by one of the clocks."""
    return statistics.median(after[clock] - before[clock] for before, after in pairwise(run["marks"][1:]))


def speedup(runs: list[dict[str, Any]], base: list[dict[str, Any]], clock: int) -> str:
    """Return the speed relative to another variant of the same round: median, least and most."""
    ratios = [epoch_seconds(b, clock) / epoch_seconds(a, clock) for a, b in zip(runs, base, strict=False)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else ""


def table_row(name: str, runs: list[dict[str, Any]], base: list[dict[str, Any]]) -> str:
    """Return a row of the table: medians over all rounds, and ratios to the classic of the same round."""
    wall, cpu = (statistics.median(epoch_seconds(run, clock) for run in runs) for clock in (0, 1))
    memory = f"{max(run['peak'] for run in runs):,.0f}"
    if name.endswith("workers"):
        memory += f", and {max(run['worker'] for run in runs):,.0f} a worker"
    load = statistics.median(run["load"] for run in runs)
    cells = [name, f"{load:.1f}", f"{wall:.1f}", f"{cpu:.1f}", f"{runs[0]['images'] / wall:,.0f}"]
    loss = statistics.mean(run["loss"] for run in runs)
    cells += [speedup(runs, base, 0), speedup(runs, base, 1), f"{loss:.1f}", memory]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run every variant in turn, round after round; then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2, help="at least two: the first is not counted")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--folder", type=Path, help="of JPEG files; CelebA's, unpacked temporarily, if not given")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each next has the next")
    parser.add_argument("--one", choices=list(VARIANTS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        run_variant(args.one, args.folder, args.epochs, args.seed)
        return
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in args.only}
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        if args.folder is None:
            unpack_celeba(folder)
        for seed in range(args.seed, args.seed + args.rounds):
            for name in args.only:
                flags = ["--folder", folder, "--epochs", str(args.epochs), "--seed", str(seed)]
                command = [sys.executable, __file__, "--one", name, *flags]
                process = subprocess.run(command, capture_output=True, text=True, check=True)
                results[name].append(json.loads(process.stdout.splitlines()[-1]))
                print(name, results[name][-1], f"load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    head = ["way", "seconds to load", "seconds per epoch", "of computing", "images/s", "times as fast as classic"]
    head += ["by computing", "training loss", "peak memory, MB"]
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for name, runs in results.items():
        print(table_row(name, runs, results.get("classic", [])))


if __name__ == "__main__":
    main()
