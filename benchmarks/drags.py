"""What it takes from a point that is dragged to its picture, against ``elbowroom studio`` as it is started.

    python benchmarks/drags.py [drag] [load]

``drag``: a client sends points of the convolutional VAE at 64x64 at 60 Hz for 20 seconds: from the sending of a point
to its frame, alone and while another such run trains beside. ``load``: 64 such clients at once for a minute: errors,
frames of each, memory. The clients run on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
from websockets.asyncio.client import connect

import elbowroom as er

LATENT = 64


def section_drag(seconds: float = 20.0, rate: float = 60.0) -> None:
    """One client dragging, alone and while a run trains beside."""
    print("| one client | points at 60 Hz | median ms | 95th percentile | most | not decoded | server's ms a frame |")
    print("|---|---|---|---|---|---|---|")
    besides = {
        "nothing beside": lambda *_: contextlib.nullcontext(),
        "a training begun from the page beside": from_the_page,
        "a training begun in a terminal beside": from_a_terminal,
    }
    with folder() as (place, pictures), studio(place / "runs") as (url, process):
        for name, beside in besides.items():
            with beside(url, pictures):
                spent = processor(process.pid)
                sent, waits = asyncio.run(drag(url, seconds, rate))
                spent = processor(process.pid) - spent
            waits.sort()
            figures = (statistics.median(waits), waits[int(0.95 * len(waits))], waits[-1])
            words = " | ".join(f"{1000 * figure:.1f}" for figure in figures)
            each = 1000 * spent / len(waits)
            print(f"| {name} | {sent} | {words} | {sent - len(waits)} | {each:.1f} |", flush=True)


def section_load(clients: int = 64, seconds: float = 60.0, rate: float = 60.0) -> None:
    """Many clients dragging at once."""
    with folder() as (place, _), studio(place / "runs") as (url, process):
        asyncio.run(drag(url, 1, rate))
        before = resident(process.pid)

        async def together() -> tuple[list[tuple[int, list[float]] | BaseException], list[float]]:
            drags = asyncio.gather(*(drag(url, seconds, rate) for _ in range(clients)), return_exceptions=True)
            held = []
            while not drags.done():
                held.append(resident(process.pid))
                await asyncio.sleep(2)
            return list(await drags), held

        found, held = asyncio.run(together())
        errors = [one for one in found if isinstance(one, BaseException)]
        each = [waits for one in found if not isinstance(one, BaseException) for waits in one[1:]]
        frames, waits = [len(waits) for waits in each], sorted(wait for waits in each for wait in waits)
        print(f"\n{clients} clients, {seconds:g} s at {rate:g} Hz: {len(errors)} errors {errors[:1] or ''}")
        print(f"frames of a client: {min(frames)} to {max(frames)}; {sum(frames) / seconds:.0f} a second in all")
        print(f"send to frame: median {1000 * statistics.median(waits):.0f} ms, most {1000 * waits[-1]:.0f}")
        print(f"MiB resident: {before:.0f} before, {max(held):.0f} at most, {resident(process.pid):.0f} after")


@contextlib.contextmanager
def folder() -> Iterator[tuple[Path, Path]]:
    """A folder with a run of the convolutional VAE on random pictures of 64x64, hardly trained; and the pictures."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        pictures = place / "pictures.npy"
        np.save(pictures, np.random.default_rng(0).integers(0, 256, (2000, 3, 64, 64), dtype=np.uint8))
        data = er.load_data(np.load(pictures)[:100], validation=10, test=20)
        model = er.recipes.conv_vae(data.shape, latent=LATENT)
        er.fit(*model, data, steps=2, batch_size=50, out=place / "runs" / "faces", device="cpu")
        yield place, pictures


@contextlib.contextmanager
def from_the_page(url: str, pictures: Path) -> Iterator[None]:
    """A training on the pictures, begun as the page begins one."""
    settings = {"data": str(pictures), "epochs": 1000}
    run = ask(url, "/api/train", {"recipe": "conv_vae", "settings": settings, "name": "beside"})["run"]
    time.sleep(5)
    yield
    ask(url, "/api/stop", {"run": run})
    time.sleep(5)


def ask(url: str, path: str, given: dict[str, Any]) -> dict[str, Any]:
    """What the studio answers."""
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"http://{url}{path}", json.dumps(given).encode(), headers), timeout=90) as answer:
        return json.load(answer)


@contextlib.contextmanager
def from_a_terminal(_: str, pictures: Path) -> Iterator[None]:
    """The same by the command line, past its start."""
    out = pictures.parent / "beside"
    words = ["train", "conv_vae", "--data", str(pictures), "--epochs", "1000", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "elbowroom", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not (out / "recipe.json").exists() and process.poll() is None:
            time.sleep(0.2)
        time.sleep(5)
        assert process.poll() is None, "the training beside ended"
        yield
        assert process.poll() is None, "the training beside ended"
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def studio(runs: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``elbowroom studio``, by its host and port."""
    words = ["studio", str(runs), "--port", "0", "--no-browser", "--data-folder", str(runs.parent)]
    process = subprocess.Popen([sys.executable, "-m", "elbowroom", *words], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        found = next(filter(None, (re.search(r"http://([^/\s]+)", line) for line in process.stdout)))
        yield found[1], process
    finally:
        process.terminate()
        process.wait()


async def drag(url: str, seconds: float, rate: float) -> tuple[int, list[float]]:
    """Points sent and, of those that were answered, the seconds from being sent to the frame."""
    sent: dict[int, float] = {}
    waits: list[float] = []
    async with connect(f"ws://{url}/ws/decode?run=faces", origin=f"http://{url}", max_queue=None) as socket:
        await socket.send(json.dumps({"id": 0, "z": [0.0] * LATENT}))
        if isinstance(first := await socket.recv(), str):
            raise ValueError(first)

        async def listen() -> None:
            async for frame in socket:
                if isinstance(frame, str):
                    raise ValueError(frame)
                waits.append(time.perf_counter() - sent[struct.unpack("<I", frame[:4])[0]])

        ear, began = asyncio.create_task(listen()), time.perf_counter()
        # By the clock: where the machine has other work, fewer points are sent in the same time.
        while (now := time.perf_counter()) - began < seconds and not ear.done():
            number = len(sent) + 1
            z = [math.sin(number / 30 + i) for i in range(LATENT)]
            sent[number] = time.perf_counter()
            await socket.send(json.dumps({"id": number, "z": z}))
            await asyncio.sleep(max(0.0, now + 1 / rate - time.perf_counter()))
        await asyncio.sleep(1.0)
        if ear.done():
            ear.result()
        ear.cancel()
    return len(sent), waits


def resident(process: int) -> float:
    """MiB of memory that a process holds."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def processor(process: int) -> float:
    """Seconds of the processor that a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


SECTIONS = {name.removeprefix("section_"): value for name, value in globals().items() if name.startswith("section_")}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", default=list(SECTIONS), help=", ".join(SECTIONS))
    for name in parser.parse_args().sections:
        SECTIONS[name]()
