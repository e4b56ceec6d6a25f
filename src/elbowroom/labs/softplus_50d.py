"""How good is the 50-dimensional softplus VAE, and do two inference engines agree on it?

    elbowroom lab softplus_50d                      # 40 epochs by our loop, 11 by Pyro's; then t-SNE of the latents
    elbowroom lab softplus_50d --data digits

784-400-50, softplus, Adam 1e-3, batch 256, Bernoulli on grey pixels: Pyro's own example. Look at the two curves
where both run, at the published figures on them, and at which digits lie side by side.
"""

from __future__ import annotations

import json
from argparse import Namespace
from functools import partial
from pathlib import Path

import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.labs import lab_common as lab
from elbowroom.latent import tsne
from elbowroom.plotting.style import CLASS_COLORS

FLAGS = {"epochs": {"mnist": 40, "digits": 60}, "pyro_epochs": {"mnist": 11, "digits": 20}, "seed": 0}
#: Test ELBO by epoch, read off Pyro's figure. Its count begins at 0: the point at 5 is measured after six epochs.
PUBLISHED = {0: -155.7, 5: -113.3, 10: -107.8, 15: -105.8, 20: -104.6, 40: -103.0}


def train_with_pyro(path: Path, model: er.Model, data: er.Data, epochs: int, seed: int = 0) -> list[float]:
    """Train the model with SVI, or load the weights at ``path``; return Pyro's estimate of the test ELBO per epoch."""
    if path.exists():
        tensors, header = serialization.read(path)
        if header["settings"] != f"{epochs} epochs, seed {seed}":
            raise ValueError(f"{path} holds {header['settings']}: remove it, or give another --out")
        serialization.load_into(model, tensors, path)
        return json.loads(header["elbo"])
    import pyro
    from pyro.infer import SVI, Trace_ELBO

    from elbowroom.integrations.pyro import bridge

    pyro.set_rng_seed(seed)
    svi, elbo = SVI(*bridge(model), pyro.optim.Adam({"lr": 1e-3}), Trace_ELBO()), []
    for epoch in range(1, epochs + 1):
        order = data.train.random_order(torch.Generator().manual_seed(epoch))
        for batch in data.train.batches(256, order):
            svi.step(batch.x)
        losses = [svi.evaluate_loss(batch.x) for batch in data.test.batches(500)]
        elbo.append(-sum(losses) / len(data.test))
    serialization.save(
        path,
        serialization.named_tensors(model),
        {"elbo": json.dumps(elbo), "settings": f"{epochs} epochs, seed {seed}"},
    )
    return elbo


def main(args: Namespace) -> None:
    """Answer the question."""
    data = er.load_data(args.data, validation=0)
    make = partial(er.recipes.vae, data.shape, latent=50, activation="softplus")
    run = lab.train_or_load(args.out / "ours", make, data, args.epochs, args.seed, batch_size=256)
    ours = [-loss for loss in lab.test_losses(run)]
    torch.manual_seed(args.seed)
    pyro_model, _ = make()
    pyros = train_with_pyro(args.out / "svi.safetensors", pyro_model, data, args.pyro_epochs, args.seed)

    def after(curve: list[float], epochs: int) -> float | str:
        return curve[epochs - 1] if 1 <= epochs <= len(curve) else ""

    head = (
        "count n",
        "published",
        "our loop after n epochs",
        "after n + 1",
        "Pyro's SVI after n epochs",
        "after n + 1",
    )
    published = PUBLISHED if args.data == "mnist" else dict.fromkeys(PUBLISHED, "")
    curves = [(curve, more) for curve in (ours, pyros) for more in (0, 1)]
    rows = [(n, elbo, *(after(curve, n + more) for curve, more in curves)) for n, elbo in published.items()]
    lab.print_table(head, [row for row in rows if row[0] <= args.epochs])
    print(f"\nepochs 1 to {len(pyros)}: the two differ by {mean_gap(ours, pyros):.2f} nats on average")

    figure = lab.new_figure(13, 4.5)
    left, *maps = figure.subplots(1, 3)
    worst = -160 if args.data == "mnist" else min(ours)
    left.set_ylim(worst, max(ours + pyros) + 3)
    blue, orange = lab.COLORS[:2]
    left.plot(range(1, len(ours) + 1), ours, color=blue, linewidth=1.6)
    left.plot(range(1, len(pyros) + 1), pyros, "x", color=orange, markersize=4.5, markeredgewidth=1.3)
    style = {"textcoords": "offset points", "fontsize": 8}
    left.annotate("our loop", (len(ours), ours[-1]), (0, 8), color=blue, ha="right", **style)
    third = min(3, len(pyros))
    left.annotate("Pyro's SVI", (third, pyros[third - 1]), (8, -6), color=orange, **style)
    left.locator_params(axis="x", integer=True)
    if args.data == "mnist":
        left.plot([n + 1 for n in PUBLISHED], list(PUBLISHED.values()), "o", color=lab.COLORS[6], markersize=4)
        left.annotate("published", (1, PUBLISHED[0]), (8, -3), color="#55554f", **style)
    lab.label_axes(left, "Test ELBO as it rises", "epochs trained", "ELBO, nats per example")

    batch = data.test.first(len(data.test))
    trained = {f"our loop, {args.epochs} epochs": run.model(), f"Pyro's SVI, {args.pyro_epochs} epochs": pyro_model}
    for axes, (name, model) in zip(maps, trained.items(), strict=True):
        points = tsne(model.encode(batch.x))
        for label in batch.y.unique().tolist():
            cluster = points[batch.y == label]
            axes.scatter(*cluster.T.numpy(), s=2, linewidths=0, color=CLASS_COLORS[label % 10])
            lab.label_class(axes, cluster, label)
        lab.label_axes(axes, f"Test means by class: {name}", "t-SNE 1, no unit", "t-SNE 2, no unit")
    lab.save_figure(figure, args.figure)


def mean_gap(a: list[float], b: list[float]) -> float:
    """Return the mean difference over the epochs that both have."""
    pairs = list(zip(a, b, strict=False))
    return sum(x - y for x, y in pairs) / len(pairs)
