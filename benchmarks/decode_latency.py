"""Latency from a dragged latent to its decoded image, against a running ``elbowroom studio``.

    python benchmarks/decode_latency.py [drag] [load]

``drag``: a client sends latents of the convolutional VAE at 64x64 at 60 Hz for 20 seconds; measured is the time from
sending a latent to its frame, alone and while another run trains. ``load``: 64 such clients at once for a minute:
errors, frames of each, memory. The clients run on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
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
import psutil
from websockets.asyncio.client import connect

import elbowroom as er

LATENT = 64


def section_drag(seconds: float = 20.0, rate: float = 60.0) -> None:
    """Measure one client dragging, alone and while another run trains."""
    print("| one client | points at 60 Hz | median ms | 95th percentile | most | not decoded | server's ms a frame |")
    print("|---|---|---|---|---|---|---|")
    background = {
        "nothing beside": lambda *_: contextlib.nullcontext(),
        "a training begun from the page beside": train_from_page,
        "a training begun in a terminal beside": train_from_terminal,
    }
    with run_folder() as (folder, images), start_studio(folder / "runs") as (url, process):
        for name, start_background in background.items():
            with start_background(url, images):
                cpu = cpu_seconds(process.pid)
                sent, waits = asyncio.run(drag(url, seconds, rate))
                cpu = cpu_seconds(process.pid) - cpu
            waits.sort()
            seconds_waited = (statistics.median(waits), waits[int(0.95 * len(waits))], waits[-1])
            cells = " | ".join(f"{1000 * wait:.1f}" for wait in seconds_waited)
            cpu_ms = 1000 * cpu / len(waits)
            print(f"| {name} | {sent} | {cells} | {sent - len(waits)} | {cpu_ms:.1f} |", flush=True)


def section_load(clients: int = 64, seconds: float = 60.0, rate: float = 60.0) -> None:
    """Measure many clients dragging at once."""
    with run_folder() as (folder, _), start_studio(folder / "runs") as (url, process):
        asyncio.run(drag(url, 1, rate))
        before = resident_mib(process.pid)

        async def drag_all() -> tuple[list[tuple[int, list[float]] | BaseException], list[float]]:
            drags = asyncio.gather(*(drag(url, seconds, rate) for _ in range(clients)), return_exceptions=True)
            memory = []
            while not drags.done():
                memory.append(resident_mib(process.pid))
                await asyncio.sleep(2)
            return list(await drags), memory

        results, memory = asyncio.run(drag_all())
        errors = [result for result in results if isinstance(result, BaseException)]
        per_client = [result[1] for result in results if not isinstance(result, BaseException)]
        frames, waits = [len(waits) for waits in per_client], sorted(wait for waits in per_client for wait in waits)
        print(f"\n{clients} clients, {seconds:g} s at {rate:g} Hz: {len(errors)} errors {errors[:1] or ''}")
        print(f"frames of a client: {min(frames)} to {max(frames)}; {sum(frames) / seconds:.0f} a second in all")
        print(f"send to frame: median {1000 * statistics.median(waits):.0f} ms, most {1000 * waits[-1]:.0f}")
        print(f"MiB resident: {before:.0f} before, {max(memory):.0f} at most, {resident_mib(process.pid):.0f} after")


@contextlib.contextmanager
def run_folder() -> Iterator[tuple[Path, Path]]:
    """Make a folder with a barely trained run of the convolutional VAE on random images of 64x64, and the images."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = folder / "images.npy"
        np.save(images, np.random.default_rng(0).integers(0, 256, (2000, 3, 64, 64), dtype=np.uint8))
        data = er.load_data(np.load(images)[:100], validation=10, test=20)
        model = er.recipes.conv_vae(data.shape, latent=LATENT)
        er.fit(*model, data, steps=2, batch_size=50, out=folder / "runs" / "faces", device="cpu")
        yield folder, images


@contextlib.contextmanager
def train_from_page(url: str, images: Path) -> Iterator[None]:
    """Train on the images, started over HTTP as the page does."""
    settings = {"data": str(images), "epochs": 1000}
    run = post(url, "/api/train", {"recipe": "conv_vae", "settings": settings, "name": "beside"})["run"]
    time.sleep(5)
    yield
    post(url, "/api/stop", {"run": run})
    time.sleep(5)


def post(url: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the studio's answer to a JSON request."""
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"http://{url}{path}", json.dumps(body).encode(), headers), timeout=90) as response:
        return json.load(response)


@contextlib.contextmanager
def train_from_terminal(_: str, images: Path) -> Iterator[None]:
    """Train on the images by the command line; entered once it trains."""
    out = images.parent / "beside"
    words = ["train", "conv_vae", "--data", str(images), "--epochs", "1000", "--out", str(out)]
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
def start_studio(runs: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start ``elbowroom studio``; yields its host and port, and its process."""
    words = ["studio", str(runs), "--port", "0", "--no-browser", "--data-folder", str(runs.parent)]
    process = subprocess.Popen([sys.executable, "-m", "elbowroom", *words], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        match = next(filter(None, (re.search(r"http://([^/\s]+)", line) for line in process.stdout)))
        yield match[1], process
    finally:
        process.terminate()
        process.wait()


async def drag(url: str, seconds: float, rate: float) -> tuple[int, list[float]]:
    """Return the number of latents sent and, for those answered, the seconds from sending to the frame."""
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

        listener, start = asyncio.create_task(listen()), time.perf_counter()
        # By wall time: on a busy machine fewer latents are sent in the same time.
        while (now := time.perf_counter()) - start < seconds and not listener.done():
            number = len(sent) + 1
            z = [math.sin(number / 30 + i) for i in range(LATENT)]
            sent[number] = time.perf_counter()
            await socket.send(json.dumps({"id": number, "z": z}))
            await asyncio.sleep(max(0.0, now + 1 / rate - time.perf_counter()))
        await asyncio.sleep(1.0)
        if listener.done():
            listener.result()
        listener.cancel()
    return len(sent), waits


def resident_mib(process: int) -> float:
    """Return the resident memory of a process, MiB."""
    return float(psutil.Process(process).memory_info().rss) / 2**20


def cpu_seconds(process: int) -> float:
    """Return the CPU seconds of a process so far."""
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


SECTIONS = {name.removeprefix("section_"): value for name, value in globals().items() if name.startswith("section_")}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", default=list(SECTIONS), help=", ".join(SECTIONS))
    for name in parser.parse_args().sections:
        SECTIONS[name]()
