"""Seconds that the studio takes to answer.

    python benchmarks/studio.py [runs]

``runs``: the first view of a folder with 200 runs of 1,000 epochs, three rows and a snapshot for each epoch: for a
server that has just started, a second time, and after a row has been added to one of them.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import elbowroom as er
from elbowroom import serialization
from elbowroom.runs.run import Run


def section_runs(count: int = 200, epochs: int = 1000) -> None:
    """Time the list of runs."""
    from elbowroom.studio.http.json import to_json
    from elbowroom.studio.services.run_index import RunIndex

    with tempfile.TemporaryDirectory() as folder:
        size = _write_runs(Path(folder), count, epochs)
        print(
            f"{count} runs of {epochs:,} epochs, {size / 2**20:.0f} MiB of metrics\n\n"
            "| view | seconds | of the processor |\n|---|---|---|"
        )
        for _ in range(3):
            index = RunIndex(folder)
            print(f"| first | {_time_work(lambda: to_json(index.refresh()))} |")  # noqa: B023
        print(f"| again | {_time_work(lambda: to_json(index.refresh()))} |")
        Run(Path(folder) / "vae-7").log({"step": 10 * epochs + 10, "epoch": epochs + 1, "split": "train", "loss": 1.0})
        print(f"| after a line | {_time_work(lambda: to_json(index.refresh()))} |")
        index.refresh()
        print(f"| a look of the watch | {_time_work(index.refresh)} |")


def _write_runs(folder: Path, count: int, epochs: int) -> int:
    """Write runs as training would, with random metrics; return the bytes of their metrics."""
    data = er.load_data("digits")
    model = folder / "vae-0"
    er.fit(*er.recipes.vae(data.shape, latent=2), data, epochs=1, out=model, device="cpu")
    record = json.loads((model / "recipe.json").read_text())
    tensors, _ = serialization.read(model / "model.safetensors")
    image = (model / "images" / "reconstructions-0001.png").read_bytes()
    for n in range(count):
        path = folder / f"vae-{n}"
        (path / "images").mkdir(parents=True, exist_ok=True)
        record["arguments"]["latent"] = n + 1
        record["training"]["epochs"] = epochs
        (path / "recipe.json").write_text(json.dumps(record))
        (path / "metrics.jsonl").write_text("".join(_rows(random.Random(n), epochs, n + 1)))
        (path / "checkpoints").mkdir(exist_ok=True)
        serialization.save(path / "checkpoints" / "best.safetensors", tensors, _best_header(path))
        for kind in ("reconstructions", "samples"):
            for epoch in range(1, epochs + 1):
                file = path / "images" / f"{kind}-{epoch:04d}.png"
                file.write_bytes(image if epoch == epochs else b"")
    return sum(file.stat().st_size for file in folder.glob("*/metrics.jsonl"))


def _best_header(path: Path) -> dict[str, str]:
    """Return the header that training writes into its best weights."""
    best = min(Run(path).metrics("validation"), key=lambda row: row["loss"])
    return {name: str(best[name]) for name in ("step", "loss")}


def _rows(draw: random.Random, epochs: int, latent: int) -> list[str]:
    rows = []
    for epoch in range(1, epochs + 1):
        about = {"step": 10 * epoch, "epoch": epoch}
        for split, examples in (("train", 1258), ("validation", 180), ("test", 359)):
            kl = 10 * (1 - math.exp(-epoch / 100)) + draw.random()
            loss = 20 + 15 * math.exp(-epoch / 200) + draw.random()
            terms = {"loss": loss, "reconstruction": loss - kl, "kl": kl, "elbo": -loss}
            rows.append(about | {"split": split, **terms, "examples": examples, "seconds": epoch * 0.05})
            rows[-1]["examples_per_second"] = round(20_000 + 1000 * draw.random(), 1)
        nats = [round(draw.random(), 5) for _ in range(latent)]
        rows.append({"event": "look"} | about | {"nats": [nats], "scale": None, "clamped": {}, "codes": None})
    rows.append({"event": "end", "reason": "finished", "step": 10 * epochs, "epoch": epochs})
    return [json.dumps(row) + "\n" for row in rows]


def _time_work(work: Callable[[], object]) -> str:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return f"{time.perf_counter() - wall:.3f} | {time.process_time() - cpu:.3f}"


SECTIONS = {name.removeprefix("section_"): value for name, value in globals().items() if name.startswith("section_")}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", default=list(SECTIONS), help=", ".join(SECTIONS))
    for name in parser.parse_args().sections:
        SECTIONS[name]()
