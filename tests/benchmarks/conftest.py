"""The benchmarks of images, whose scripts import each other by name."""

import sys
from types import SimpleNamespace

import pytest
import torch

import elbowroom as er


@pytest.fixture
def load_image_benchmark(load_script, monkeypatch, root):
    """A function that imports a script of ``benchmarks/images`` with its modules, which are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(root / "benchmarks/images"))

    def load(name, *modules):
        loaded = SimpleNamespace(run=load_script(f"benchmarks/images/{name}.py"))
        for module in (*modules, "results", "variants"):
            setattr(loaded, module, sys.modules.pop(module))
        return loaded

    return load


def smooth_images(n, channels, side):
    """Smooth noise in [0, 1], whose corner is white."""
    small = torch.rand(n, channels, 4, 4, generator=torch.Generator().manual_seed(0))
    small[:, :, 0, 0] = 1.0
    return torch.nn.functional.interpolate(small, size=side, mode="bilinear")


@pytest.fixture(scope="session")
def color_images():
    """Data of smooth noise in the shape of CelebA's."""
    return er.load_data(smooth_images(220, 3, 64), validation=4, test=16)


@pytest.fixture(scope="session")
def gray_images():
    """Data of smooth noise, 8x8 and gray."""
    return er.load_data(smooth_images(220, 1, 8), validation=4, test=16)
