"""Seconds per epoch of the classic VAE, elbowroom's and its peers', in one process tree on one machine.

    python benchmarks/training.py [--rounds 3] [--epochs 3] [--only elbowroom classic ...]

The work: 784-400-20, ReLU, Bernoulli on grey MNIST, batch 128, Adam 1e-3, 60,000 digits, no validation, no images.
Each variant runs in a process of its own, one after the other, ``--rounds`` times over; an epoch's time is the median
over all rounds of the epochs after the first. The loss is the last epoch's training mean, in nats per example. Peers
come from the package index (``pip install pythae pydantic imageio pyro-ppl``); one that is not installed is left out
with a message.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise

Variant = Callable[[int], tuple[list[float], float]]

VARIANTS: dict[str, Variant] = {}


def register_variant(function: Variant) -> Variant:
    """Register a function from a number of epochs to the seconds of each and the mean loss of the last."""
    VARIANTS[function.__name__] = function
    return function


def mnist_pixels():
    """Return all 60,000 training digits, uint8."""
    import elbowroom as er

    return er.load_data("mnist", validation=0, test=0).train.x


@register_variant
def elbowroom(epochs: int, precision: str = "float32") -> tuple[list[float], float]:
    """``elbowroom train vae``, without validation."""
    import torch

    import elbowroom as er

    torch.manual_seed(0)
    data = er.load_data("mnist", validation=0, test=0)
    marks: list[float] = []

    @er.on.row
    def mark(state: er.State) -> None:
        from elbowroom.training.state import ROW

        marks.append(state[ROW]["seconds"])

    model, objective = er.recipes.vae(data.shape)
    run = er.fit(
        model,
        objective,
        data,
        epochs=epochs,
        out=tempfile.mkdtemp() + "/run",
        watch=(),
        callbacks=[mark],
        device="cpu",
        precision=precision,
    )
    rows = run.metrics("train")
    ends = [max(r["seconds"] for r in rows if r["epoch"] == e) for e in range(1, epochs + 1)]
    last = [r for r in rows if r["epoch"] == epochs]
    loss = sum(r["loss"] * r["examples"] for r in last) / sum(r["examples"] for r in last)
    return [b - a for a, b in zip([0.0, *ends], ends, strict=False)], loss


@register_variant
def elbowroom_bf16(epochs: int) -> tuple[list[float], float]:
    """The same with ``--precision bf16``: products of bf16 numbers, summed and stored in single precision."""
    return elbowroom(epochs, "bf16")


def classic_module():
    """Return the module of PyTorch's example, and its loss, summed over the batch."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
            self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

        def forward(self, x):
            h = F.relu(self.fc1(x.view(-1, 784)))
            mu, logvar = self.fc21(h), self.fc22(h)
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
            return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar

    def loss(recon, x, mu, logvar):
        bce = F.binary_cross_entropy(recon, x.view(-1, 784), reduction="sum")
        return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())

    return VAE, loss


def classic_loader(pixels):
    """Return a loader of single images, each converted as by torchvision's ToTensor, shuffled, in batches of 128."""
    import numpy as np
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    arrays = pixels[:, 0].numpy()

    class ImageDataset(Dataset):
        def __len__(self):
            return len(arrays)

        def __getitem__(self, i):
            image = np.asarray(Image.fromarray(arrays[i]))
            return torch.from_numpy(image.copy()).unsqueeze(0).to(torch.float32).div(255), 0

    return DataLoader(ImageDataset(), batch_size=128, shuffle=True)


@register_variant
def classic(epochs: int) -> tuple[list[float], float]:
    """PyTorch's example script: a transform per item, a loader, eager Adam, ``.item()`` at each step."""
    import torch

    torch.manual_seed(0)
    pixels = mnist_pixels()
    module, loss_function = classic_module()
    model = module()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = classic_loader(pixels)
    seconds, total = [], 0.0
    for _ in range(epochs):
        start, total = time.perf_counter(), 0.0
        for x, _label in loader:
            optimizer.zero_grad()
            recon, mu, logvar = model(x)
            loss = loss_function(recon, x, mu, logvar)
            loss.backward()
            total += loss.item()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return seconds, total / len(pixels)


@register_variant
def in_memory(epochs: int) -> tuple[list[float], float]:
    """The classic's module and loss, eager, over tensors in memory: a careful hand-written script."""
    import torch

    torch.manual_seed(0)
    pixels = mnist_pixels()
    module, loss_function = classic_module()
    model = module()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    seconds, total = [], 0.0
    for _ in range(epochs):
        start, total = time.perf_counter(), 0.0
        for index in torch.randperm(len(pixels)).split(128):
            x = pixels[index].float() / 255
            optimizer.zero_grad()
            recon, mu, logvar = model(x)
            loss = loss_function(recon, x, mu, logvar)
            loss.backward()
            total += loss.item()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return seconds, total / len(pixels)


def hand_written_step():
    """Return a step of the classic, gradients by hand and torch's fused Adam: a batch (B, 784) to the loss."""
    import torch
    import torch.nn.functional as F

    module, _ = classic_module()
    w1, b1, w21, b21, w22, b22, w3, b3, w4, b4 = (p.detach() for p in module().parameters())
    w2, b2 = torch.cat([w21, w22]), torch.cat([b21, b22])
    parameters = [p.requires_grad_() for p in (w1, b1, w2, b2, w3, b3, w4, b4)]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)

    @torch.no_grad()
    def step(x):
        n = len(x)
        h = torch.addmm(b1, x, w1.t()).relu_()
        mu, logvar = torch.addmm(b2, h, w2.t()).chunk(2, 1)
        noise, scale = torch.randn(mu.shape), (0.5 * logvar).exp()
        z = torch.addcmul(mu, scale, noise)
        d = torch.addmm(b3, z, w3.t()).relu_()
        logits = torch.addmm(b4, d, w4.t())
        variance = scale * scale
        kl = 0.5 * (variance + mu * mu - 1 - logvar).sum() / n
        loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / n + kl
        g4 = logits.sigmoid_().sub_(x).div_(n)
        g3 = (g4 @ w4).mul_(d > 0)
        gz = g3 @ w3
        g2 = torch.cat([gz + mu / n, gz * noise * scale * 0.5 + (variance - 1) * (0.5 / n)], 1)
        g1 = (g2 @ w2).mul_(h > 0)
        pairs = [(g.t() @ i, g.sum(0)) for g, i in zip((g1, g2, g3, g4), (x, h, z, d), strict=True)]
        for parameter, gradient in zip(parameters, (g for pair in pairs for g in pair), strict=True):
            parameter.grad = gradient
        optimizer.step()
        return loss

    return step


@register_variant
def hand_written(epochs: int) -> tuple[list[float], float]:
    """Gradients by hand, without autograd, and torch's fused Adam, over tensors in memory: a floor for a step."""
    import torch

    torch.manual_seed(0)
    pixels = mnist_pixels().flatten(1)
    step = hand_written_step()
    seconds, total = [], 0.0
    for _ in range(epochs):
        start, total = time.perf_counter(), 0.0
        for index in torch.randperm(len(pixels)).split(128):
            total += step(pixels[index].float() / 255).item() * len(index)
        seconds.append(time.perf_counter() - start)
    return seconds, total / len(pixels)


@register_variant
def pythae(epochs: int) -> tuple[list[float], float]:
    """pythae's own pipeline and trainer, its VAE given the classic's encoder and decoder."""
    import logging

    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback
    from torch import nn

    logging.disable(logging.CRITICAL)

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.fc1, self.mu, self.logvar = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)

        def forward(self, x):
            h = torch.relu(self.fc1(x.reshape(-1, 784)))
            return ModelOutput(embedding=self.mu(h), log_covariance=self.logvar(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

        def forward(self, z):
            return ModelOutput(reconstruction=torch.sigmoid(self.fc4(torch.relu(self.fc3(z)))).reshape(-1, 1, 28, 28))

    marks, losses = [], []

    class Mark(TrainingCallback):
        def on_train_begin(self, *_, **__):
            marks.append(time.perf_counter())

        def on_epoch_end(self, *_, **__):
            marks.append(time.perf_counter())

        def on_log(self, training_config, logs, **kwargs):
            losses.append(logs["train_epoch_loss"])

    torch.manual_seed(0)
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    pixels = mnist_pixels().float() / 255
    trainer = BaseTrainer(
        model=VAE(config, encoder=Encoder(), decoder=Decoder()),
        train_dataset=BaseDataset(pixels, torch.zeros(len(pixels))),
        training_config=BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            num_epochs=epochs,
            learning_rate=1e-3,
            per_device_train_batch_size=128,
            optimizer_cls="Adam",
            no_cuda=True,
        ),
        callbacks=[Mark()],
    )
    trainer.train()
    return [b - a for a, b in pairwise(marks)], losses[-1]


@register_variant
def pyro(epochs: int) -> tuple[list[float], float]:
    """Pyro's model and guide under SVI with TraceMeanField_ELBO, tensors in memory, without validation of arguments."""
    import pyro as p
    import pyro.distributions as dist
    import torch
    from torch import nn

    torch.manual_seed(0)
    p.set_rng_seed(0)
    p.enable_validation(False)
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())

    def model(x):
        p.module("decoder", decoder)
        with p.plate("data", len(x)):
            z = p.sample("z", dist.Normal(x.new_zeros(len(x), 20), x.new_ones(len(x), 20)).to_event(1))
            p.sample("x", dist.Bernoulli(decoder(z), validate_args=False).to_event(1), obs=x)

    def guide(x):
        p.module("encoder", encoder)
        with p.plate("data", len(x)):
            mu, logvar = encoder(x).chunk(2, -1)
            p.sample("z", dist.Normal(mu, (0.5 * logvar).exp()).to_event(1))

    svi = p.infer.SVI(model, guide, p.optim.Adam({"lr": 1e-3}), loss=p.infer.TraceMeanField_ELBO())
    pixels = mnist_pixels().flatten(1)
    seconds, total = [], 0.0
    for _ in range(epochs):
        start, total = time.perf_counter(), 0.0
        for index in torch.randperm(len(pixels)).split(128):
            total += svi.step(pixels[index].float() / 255)
        seconds.append(time.perf_counter() - start)
    return seconds, total / len(pixels)


@register_variant
def floor(epochs: int) -> tuple[list[float], float]:
    """The step's eleven matrix products alone."""
    import torch

    b, x, h = torch.randn(128, 784), torch.randn(784, 400), torch.randn(400, 784)
    e, m, d, z = torch.randn(128, 400), torch.randn(400, 40), torch.randn(20, 400), torch.randn(128, 20)
    g = torch.randn(128, 40)
    seconds = []
    for _ in range(epochs):
        start = time.perf_counter()
        for _ in range(469):
            b @ x, e @ m, z @ d, e @ h  # forward
            b.T @ e, b @ h.T, e.T @ z, e @ d.T, g.T @ e, g @ m.T, e.T @ b  # backward
        seconds.append(time.perf_counter() - start)
    return seconds, float("nan")


def run_variant(name: str, epochs: int) -> None:
    """Run one variant in this process, and print its timing as JSON."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        seconds, loss = VARIANTS[name](epochs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "loss": loss, "peak": peak}))


def main() -> None:
    """Run every variant in turn, round after round; then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--one", choices=list(VARIANTS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        run_variant(args.one, args.epochs)
        return
    results: dict[str, list[dict]] = {name: [] for name in args.only}
    for _ in range(args.rounds):
        for name in args.only:
            command = [sys.executable, __file__, "--one", name, "--epochs", str(args.epochs)]
            process = subprocess.run(command, capture_output=True, text=True, env=os.environ)
            if process.returncode:
                print(f"{name} is left out: {(process.stderr.strip().splitlines() or ['?'])[-1]}", file=sys.stderr)
                continue
            results[name].append(json.loads(process.stdout.splitlines()[-1]))
    medians = {
        name: statistics.median(t for run in runs for t in run["seconds"][1:]) for name, runs in results.items() if runs
    }
    base = medians.get("elbowroom")
    print("| way | seconds per epoch | against elbowroom | training loss | peak memory, MB |\n|---|---|---|---|---|")
    for name, median in sorted(medians.items(), key=lambda item: item[1]):
        runs = results[name]
        times = [t for run in runs for t in run["seconds"][1:]]
        ratio = f"{median / base:.2f}" if base else ""
        loss = "" if name == "floor" else f"{statistics.mean(run['loss'] for run in runs):.2f}"
        peak = max(run["peak"] for run in runs)
        print(f"| {name} | {median:.2f} ({min(times):.2f} to {max(times):.2f}) | {ratio} | {loss} | {peak:,.0f} |")


if __name__ == "__main__":
    main()
