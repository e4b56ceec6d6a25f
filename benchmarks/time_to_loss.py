"""Seconds of training until the test loss of the classic VAE on grey MNIST first reaches 105.6 nats.

    python benchmarks/time_to_loss.py [--seeds 0 1 2]

Cold start to the end of the first epoch whose test loss is low enough, evaluation not counted; each variant in a
process of its own, one after the other. ``classic`` is PyTorch's example script, as in ``training.py``; ``recipe`` is
``elbowroom train vae --data mnist``; ``fast`` the same with ``--preset fast``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time

#: Test loss to reach, nats per example.
GOAL_NATS = 105.6


def classic(seed: int) -> list[tuple[float, float]]:
    """Return (seconds, test loss) after every epoch."""
    import torch

    import elbowroom as er
    from training import classic_loader, classic_module

    torch.manual_seed(seed)
    data = er.load_data("mnist", validation=0)
    test = data.test.first(10_000).x
    module, loss_function = classic_module()
    model = module()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = classic_loader(data.train.x)
    curve, seconds = [], 0.0
    for _ in range(14):
        start = time.perf_counter()
        for x, _label in loader:
            optimizer.zero_grad()
            recon, mu, logvar = model(x)
            loss = loss_function(recon, x, mu, logvar)
            loss.backward()
            loss.item()
            optimizer.step()
        seconds += time.perf_counter() - start
        with torch.no_grad():
            recon, mu, logvar = model(test)
            curve.append((seconds, loss_function(recon, test, mu, logvar).item() / len(test)))
        if curve[-1][1] <= GOAL_NATS:
            break
    return curve


def elbowroom(seed: int, fast: bool, precision: str = "float32") -> list[tuple[float, float]]:
    """Return (seconds, test loss) after every epoch, without the time of evaluation and images."""
    import torch

    import elbowroom as er
    from elbowroom.cli.options import PRESETS

    settings = dict(PRESETS["fast"]) if fast else {"epochs": 14}
    schedule = settings.pop("schedule", None)
    torch.manual_seed(seed)
    data = er.load_data("mnist", seed=seed)
    run = er.fit(
        *er.recipes.vae(data.shape),
        data,
        seed=seed,
        out=tempfile.mkdtemp() + "/run",
        device="cpu",
        watch=("test",),
        validate_every=1,
        callbacks=[er.LRSchedule(schedule)] if schedule else [],
        precision=precision,
        **settings,
    )
    curve, seconds, last = [], 0.0, 0.0
    for row in run.metrics():
        if row.get("split") == "train":
            seconds += row["seconds"] - last
        if row.get("split") == "test":
            curve.append((seconds, row["loss"]))
        last = row.get("seconds", last)
    return curve


VARIANTS = {
    "classic": classic,
    "recipe": lambda seed: elbowroom(seed, False),
    "fast": lambda seed: elbowroom(seed, True),
    "fast, bf16": lambda seed: elbowroom(seed, True, "bf16"),
}


def main() -> None:
    """Run every variant and seed in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(VARIANTS[args.one[0]](int(args.one[1]))))
        return
    print("| way | seed | epochs | seconds to 105.6 | against classic | last test loss |\n|---|---|---|---|---|---|")
    for seed in args.seeds:
        base = None
        for name in VARIANTS:
            command = [sys.executable, __file__, "--one", name, str(seed)]
            curve = json.loads(
                subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
            )
            reached = next(((i, s) for i, (s, loss) in enumerate(curve, 1) if loss <= GOAL_NATS), None)
            if name == "classic" and reached:
                base = reached[1]
            epochs, seconds = reached or ("not reached", float("nan"))
            speedup = f"{base / seconds:.2f}× faster" if base and reached else ""
            print(f"| {name} | {seed} | {epochs} | {seconds:.1f} | {speedup} | {curve[-1][1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
