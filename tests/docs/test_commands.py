"""Commands of the pages that no other test runs do run: in their order, shortened, and on small data."""

import csv
import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from PIL import Image

import elbowroom as er
from elbowroom.cli import main
from tests.docs.test_links import CURRENT, PLACEHOLDERS, command_lines, read

PAGES = (
    *("anomalies", "audit", "comparing", "disentanglement", "doctor", "evaluation", "faces", "gaps", "index"),
    *("judging-images", "recipes", "results", "samplers", "scaling", "start", "strange-rows"),
    *("synthetic-tables", "topics", "training"),
)
#: Pages whose commands have tests of their own: of the guides, the tour, the report, the studio and the labs.
ELSEWHERE = {
    *("autoencoder_kl", "bounds", "data", "export", "geometry", "importing", "independent-latents"),
    *(
        "multimodal",
        "networks",
        "priors-and-posteriors",
        "quantizers",
        "report",
        "sequences",
        "series",
        "studio",
        "tour",
    ),
}
#: The reader's own folders of images; tables; what a command needs that may not be here.
FOLDERS = {"FOLDER": (96, 96, 3), "FRAMES": (96, 96, 3), "FACES": (96, 96, 3), "my-images": (96, 96, 3), "mine": (8, 8)}
TABLES = ("people", "customers", "normal", "new", "adult")
NEEDS = {"cells": "anndata"}
#: Sets that have to be fetched.
SETS = {"mnist", "fashion-mnist", "celeba"}
#: What stands in the place of words: of sets, folders of another machine, lists of a sweep, sizes.
IN_PLACE = dict.fromkeys(SETS, "digits") | {
    "/shared/grid": "grid",
    "2,5,10,20": "2,5",
    "0,1,2": "0,1",
    "28": "8",
    "64": "16",
    "74": "30",
}
#: Options that make a command long, or are of a cluster, each with a value.
LEFT_OUT = {
    *("--epochs", "--steps", "--samples", "--trials", "--warmup", "--anneal", "--examples", "--labeled"),
    *("--hidden", "--widths", "--batch-size", "--preset", "--jobs", "--job-option", "--nproc-per-node"),
}
#: What is said in their place, by command.
SHORT = {
    "train": ["--steps", "3", "--batch-size", "16", "--device", "cpu", "--overwrite"],
    "resume": ["--steps", "9"],
    "sweep": ["--steps", "2"],
    "tune": ["--steps", "2", "--trials", "2"],
    "evaluate": ["--samples", "2"],
}


@pytest.fixture(scope="module")
def full_desk(tmp_path_factory, digits):
    """A folder with what the pages take as given: images, tables, texts, clicks, and runs."""
    desk = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        fill_desk(digits)
    return desk


@pytest.fixture
def desk(full_desk, tmp_path, monkeypatch):
    """A copy of it, in which the commands are given."""
    shutil.copytree(full_desk, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path / "cache"))


def fill_desk(digits):
    """Write what the pages take as given into the current folder."""
    rng = np.random.default_rng(0)
    for name, shape in FOLDERS.items():
        Path(name).mkdir()
        for i in range(200):
            Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(f"{name}/{i}.png")
    for name in TABLES:
        write_table(Path(f"{name}.csv"), rng)
    for name in ("corpus.tsv", "news.tsv"):
        Path(name).write_text("".join(f"sun rain {['wind', 'snow'][i % 2]}\ttrain\t{'ab'[i % 2]}\n" for i in range(90)))
    for name in ("vocabulary.txt", "news_vocabulary.txt"):
        Path(name).write_text("sun\nrain\nwind\nsnow\n")
    scipy.sparse.save_npz("clicks.npz", scipy.sparse.csr_matrix(rng.integers(0, 2, (400, 12))))
    rows = er.load_data("adult.csv", label="")
    for name, data, recipe in (
        *((f"runs/{name}", digits, "vae") for name in ("plane", "vae-mnist-1")),
        ("runs/adult", rows, "made_vae"),
    ):
        er.fit(*er.recipes.find(recipe)(data.shape), data, steps=2, out=name, progress=False)


def write_table(path, rng):
    """Rows of two numbers and two categories, with empty cells."""
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["age", "education", "hours", "income"])
        for i in range(400):
            age = rng.integers(20, 60) if i % 9 else ""
            rows.writerow([age, ("Masters", "School")[i % 2], rng.integers(10, 50), ("low", "high")[i % 3 > 1]])


def shorten(words):
    """The words of a command for what is on the desk, with few steps."""
    # The digits are no files, of which images would be resized.
    left_out = LEFT_OUT | ({"--resize"} if SETS & set(words) else set())
    kept = [word for last, word in zip(["", *words], words, strict=False) if not {last, word} & left_out]
    return [*(IN_PLACE.get(word, word.replace("frey-faces", "digits")) for word in kept), *SHORT.get(words[0], ())]


def test_every_page_with_commands_is_run():
    pages = [page.removeprefix("docs/").removesuffix(".md") for page in CURRENT if page.startswith("docs/")]
    with_commands = {page for page in pages if command_lines(read(f"docs/{page}.md")) and "/" not in page}
    assert with_commands == {*PAGES} | ELSEWHERE


@pytest.mark.exhaustive
@pytest.mark.sampler
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("desk")
def test_commands_of_the_page_run(page):
    commands = [words for words in command_lines(read(f"docs/{page}.md")) if can_run(words)]
    assert commands
    for words in commands:
        assert main(shorten(words)) == 0, (words, shorten(words))


def can_run(words):
    """Whether a command is one, not a pattern of it, needs what is here, and comes to an end."""
    needs = [NEEDS[name] for name in NEEDS for word in words if name in word]
    is_pattern = words[0].isupper() or not {"...", "RUN", *PLACEHOLDERS}.isdisjoint(words)
    # Runs here have all ended; one that was interrupted is resumed in tests of its own.
    is_endless = words[0] == "studio" or (words[0] == "resume" and "--epochs" not in words)
    return not is_pattern and not is_endless and all(map(importlib.util.find_spec, needs))
