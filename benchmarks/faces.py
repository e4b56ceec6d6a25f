"""Seconds per epoch of a convolutional VAE on faces in colour: elbowroom's way and the classic one, in turn.

    OMP_NUM_THREADS=1 python benchmarks/faces.py [--rounds 3] [--epochs 2] [--only elbowroom classic ...]

The work: CelebA (its JPEG files, cropped in the middle and resized to 64x64), ``conv_vae`` of size s with 64 numbers of
code and ``gaussian:optimal``, batch 128, Adam 1e-3, every picture used for training. The classic way opens, crops,
resizes and converts each picture at every use, and writes the network as it is usually written: ``Upsample`` and
``Conv2d``, the channels of a picture one after the other in memory, an eager step. ``our_network`` has the classic's
loader and elbowroom's network, so that one sees which of the two differences pays. Every way starts from the same
weights in a process of its own; order and noise differ from round to round. A ratio compares ways of the same round.
The first epoch warms up and is not counted. Loading is timed from an empty cache, decoding included. Beside the time on
the clock are the seconds of computing, of the process and what it started, which other work on the machine disturbs
less.
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

LATENT, SIDE, BATCH = 64, 64, 128


class Took(NamedTuple):
    """Seconds until training could begin, both clocks before and after every epoch, the last one's mean loss."""

    load: float
    marks: list[tuple[float, float]]
    loss: float


def now() -> tuple[float, float]:
    """The time, and the seconds of computing so far."""
    spent = os.times()
    return time.perf_counter(), spent.user + spent.system + spent.children_user + spent.children_system


WAYS: dict[str, Callable[[Path, int, int], Took]] = {}


def way(function: Callable[[Path, int, int], Took]) -> Callable[[Path, int, int], Took]:
    """Enter a way of training on a folder of JPEG files for some epochs, with order and noise from a seed."""
    WAYS[function.__name__] = function
    return function


@way
def elbowroom(folder: Path, epochs: int, seed: int, precision: Any = "float32") -> Took:
    """``elbowroom train conv_vae --data FOLDER --crop 74 --resize 64 --size s``, without the looking."""
    import elbowroom as er

    with tempfile.TemporaryDirectory() as cache:
        os.environ["ELBOWROOM_CACHE"] = cache
        start = time.perf_counter()
        crop = cropped_to(folder)
        data = er.load_data(folder, crop=crop, resize=SIDE, validation=0, test=0)
        load = time.perf_counter() - start
        marks: list[tuple[float, float]] = []
        note = [er.on.start(lambda state: marks.append(now())), er.on.epoch(lambda state: marks.append(now()))]
        settings: Any = {"epochs": epochs, "batch_size": BATCH, "device": "cpu", "watch": (), "seed": seed}
        rows = er.fit(*recipe(), data, out=f"{cache}/run", callbacks=note, precision=precision, **settings).metrics(
            "train"
        )
    last = [row for row in rows if row["epoch"] == epochs]
    return Took(load, marks, sum(r["loss"] * r["examples"] for r in last) / sum(r["examples"] for r in last))


@way
def elbowroom_bf16(folder: Path, epochs: int, seed: int) -> Took:
    """The same with ``--precision bf16``."""
    return elbowroom(folder, epochs, seed, "bf16")


@way
def classic(folder: Path, epochs: int, seed: int, workers: int = 0) -> Took:
    """The script that is copied everywhere."""
    return by_hand(folder, epochs, seed, written_out(), workers)


@way
def classic_2_workers(folder: Path, epochs: int, seed: int) -> Took:
    """The same, with two processes that prepare the pictures."""
    return classic(folder, epochs, seed, workers=2)


@way
def our_network(folder: Path, epochs: int, seed: int) -> Took:
    """The classic's loader and loop around elbowroom's model."""
    model, objective = recipe()

    def loss(x: Any) -> Any:
        import torch

        return objective(model.draw(x), torch.tensor(0))

    return by_hand(folder, epochs, seed, (list(model.parameters()), loss), workers=0)


def recipe() -> tuple[Any, Any]:
    """The model and its objective, always of the same weights."""
    import torch

    import elbowroom as er

    torch.manual_seed(0)
    return er.recipes.conv_vae((3, SIDE, SIDE), latent=LATENT, size="s", likelihood="gaussian:optimal")


def written_out() -> tuple[list[Any], Callable[[Any], Any]]:
    """The parameters and the loss of the same network as one would write it, with the same weights."""
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
    model, _ = recipe()
    for written, ours in ((encoder, model.encoder), (decoder, model.decoder)):
        with torch.no_grad():
            for parameter, source in zip(written.parameters(), ours.parameters(), strict=True):
                parameter.copy_(source)

    def loss(x: Any) -> Any:
        mu, logvar = encoder(x).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        log_sigma = F.mse_loss(decoder(z), x).log() / 2
        reconstruction = x[0].numel() * (log_sigma + 0.5 * math.log(2 * math.pi) + 0.5)
        return reconstruction - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(x)

    return [*encoder.parameters(), *decoder.parameters()], loss


def by_hand(folder: Path, epochs: int, seed: int, model: tuple[list[Any], Callable[[Any], Any]], workers: int) -> Took:
    """A loader that prepares every picture at each use, an eager step, Adam."""
    import torch
    from torch.utils.data import DataLoader

    torch.manual_seed(seed)
    parameters, loss_of = model
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    start = time.perf_counter()
    pictures = Pictures(sorted(folder.glob("*.jpg")), cropped_to(folder))
    loader: Any = DataLoader(pictures, batch_size=BATCH, shuffle=True, num_workers=workers)  # type: ignore[arg-type]
    load, marks, total = time.perf_counter() - start, [now()], 0.0
    for _ in range(epochs):
        total = 0.0
        for x in loader:
            optimizer.zero_grad()
            loss = loss_of(x)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        marks.append(now())
    return Took(load, marks, total / len(pictures))


class Pictures:
    """A data set as tutorials write it: open, crop, resize, convert."""

    def __init__(self, paths: list[Path], crop: int) -> None:
        self.paths, self.crop = paths, crop

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Any:
        import numpy as np
        import torch
        from PIL import Image

        picture = Image.open(self.paths[i]).convert("RGB")
        left, top = (picture.width - self.crop) // 2, (picture.height - self.crop) // 2
        picture = picture.crop((left, top, left + self.crop, top + self.crop))
        picture = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().to(torch.float32).div(255)


def cropped_to(folder: Path) -> int:
    """The side of the square in the middle: 148 of the 178 pixels of an original's width."""
    from PIL import Image

    return round(148 / 178 * Image.open(next(folder.glob("*.jpg"))).width)


def unpacked(folder: Path) -> None:
    """The JPEG files of CelebA, from where elbowroom finds it."""
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


def one(name: str, folder: Path, epochs: int, seed: int) -> None:
    """Run one way in this process, and print what it took as JSON."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        took = WAYS[name](folder, epochs, seed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({**took._asdict(), "peak": peak, "worker": worker, "pictures": len(list(folder.glob("*.jpg")))}))


def epoch(run: dict[str, Any], clock: int) -> float:
    """Seconds of an epoch after the first, the median, by one of the clocks."""
    return statistics.median(after[clock] - before[clock] for before, after in pairwise(run["marks"][1:]))


def against(runs: list[dict[str, Any]], base: list[dict[str, Any]], clock: int) -> str:
    """How many times as fast as another way of the same round: the median, the least and the most."""
    ratios = [epoch(b, clock) / epoch(a, clock) for a, b in zip(runs, base, strict=False)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else ""


def row(name: str, runs: list[dict[str, Any]], base: list[dict[str, Any]]) -> str:
    """A line of the table: medians over all rounds, and ratios to the classic of the same round."""
    took, spent = (statistics.median(epoch(run, clock) for run in runs) for clock in (0, 1))
    memory = f"{max(run['peak'] for run in runs):,.0f}"
    if name.endswith("workers"):
        memory += f", and {max(run['worker'] for run in runs):,.0f} a worker"
    load = statistics.median(run["load"] for run in runs)
    cells = [name, f"{load:.1f}", f"{took:.1f}", f"{spent:.1f}", f"{runs[0]['pictures'] / took:,.0f}"]
    loss = statistics.mean(run["loss"] for run in runs)
    cells += [against(runs, base, 0), against(runs, base, 1), f"{loss:.1f}", memory]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Every way in turn, over and over; then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2, help="at least two: the first is not counted")
    parser.add_argument("--only", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--folder", type=Path, help="of JPEG files; CelebA's, unpacked for the time, if not given")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each next has the next")
    parser.add_argument("--one", choices=list(WAYS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.folder, given.epochs, given.seed)
        return
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in given.only}
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        if given.folder is None:
            unpacked(folder)
        for seed in range(given.seed, given.seed + given.rounds):
            for name in given.only:
                flags = ["--folder", folder, "--epochs", str(given.epochs), "--seed", str(seed)]
                command = [sys.executable, __file__, "--one", name, *flags]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
                print(name, found[name][-1], f"load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    head = ["way", "seconds to load", "seconds per epoch", "of computing", "pictures/s", "times as fast as classic"]
    head += ["by computing", "training loss", "peak memory, MB"]
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for name, runs in found.items():
        print(row(name, runs, found.get("classic", [])))


if __name__ == "__main__":
    main()
