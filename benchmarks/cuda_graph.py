"""Examples per second of the classic VAE on one GPU, with and without a CUDA graph, against the classic script.

    python benchmarks/cuda_graph.py [--rounds 3] [--epochs 5]

784-400-20 on 60,000 grey digits with Adam, in batches of 128 and of 8,192; each variant in a process of its own, one
after the other, without the first epoch of each. ``usual`` is the same training in eager steps.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise

VARIANTS = ("classic", "usual", "captured", "captured bf16")
N_EXAMPLES = 60_000


def elbowroom(variant: str, batch_size: int, epochs: int) -> tuple[list[float], float]:
    """Return the seconds of every epoch after the first, and the last loss."""
    import torch

    import elbowroom as er
    from elbowroom.training.capture import cuda_graph
    from elbowroom.training.state import ROW

    if variant == "usual":
        cuda_graph.can_capture = lambda *_: False
    marks: list[tuple[int, float]] = []

    @er.on.row
    def mark(state: er.State) -> None:
        torch.cuda.synchronize()
        marks.append((state[ROW]["epoch"], time.perf_counter()))

    torch.manual_seed(0)
    data = er.load_data("mnist", validation=0, test=0)
    run = er.fit(
        *er.recipes.vae(data.shape),
        data,
        epochs=epochs,
        batch_size=batch_size,
        out=tempfile.mkdtemp() + "/run",
        watch=(),
        callbacks=[mark],
        device="cuda",
        precision="bf16" if variant.endswith("bf16") else "float32",
    )
    ends = [max(at for epoch, at in marks if epoch == e) for e in range(1, epochs + 1)]
    return [b - a for a, b in pairwise(ends)], run.metrics("train")[-1]["loss"]


def classic(batch_size: int, epochs: int) -> tuple[list[float], float]:
    """PyTorch's example script, moved to the GPU batch by batch."""
    import torch
    from torch.utils.data import DataLoader

    from training import classic_loader, classic_module, mnist_pixels

    torch.manual_seed(0)
    module, loss_function = classic_module()
    model = module().to("cuda")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    dataset = classic_loader(mnist_pixels()).dataset
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True, num_workers=1, pin_memory=True)
    seconds, mean = [], 0.0
    for _ in range(epochs):
        start, total = time.perf_counter(), 0.0
        for x, _label in loader:
            x = x.to("cuda")
            optimizer.zero_grad()
            recon, mu, logvar = model(x)
            loss = loss_function(recon, x, mu, logvar)
            loss.backward()
            total += loss.item()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
        mean = total / len(dataset)
    return seconds[1:], mean


def main() -> None:
    """Run every variant in turn, round after round; then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        variant, size = args.one[0], int(args.one[1])
        seconds, loss = classic(size, args.epochs) if variant == "classic" else elbowroom(variant, size, args.epochs)
        print(json.dumps({"seconds": seconds, "loss": loss}))
        return
    import torch

    if not torch.cuda.is_available():
        sys.exit("no GPU here: this benchmark needs one that torch can use")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n")
    print("| batch | way | examples per second | against classic | last loss |\n|---|---|---|---|---|")
    for size in (128, 8192):
        rates: dict[str, float] = {}
        for variant in VARIANTS:
            runs = []
            for _ in range(args.rounds):
                command = [sys.executable, __file__, "--one", variant, str(size), "--epochs", str(args.epochs)]
                process = subprocess.run(command, capture_output=True, text=True, check=True)
                runs.append(json.loads(process.stdout.splitlines()[-1]))
            rates[variant] = N_EXAMPLES / statistics.median(t for run in runs for t in run["seconds"])
            loss = statistics.mean(run["loss"] for run in runs)
            speedup = rates[variant] / rates["classic"]
            print(f"| {size:,} | {variant} | {rates[variant]:,.0f} | {speedup:.1f}× | {loss:.2f} |", flush=True)


if __name__ == "__main__":
    main()
