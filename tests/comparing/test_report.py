"""The page of a comparison: its numbers, its curves, and that it fetches nothing."""

import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import elbowroom as er
from elbowroom.comparing import compare
from tests.comparing.helpers import find_group, read_rows

ATTACK = '<img src=x onerror="alert(1)">&\'"'


class Page(HTMLParser):
    """What the page fetches, its scripts, and the data that it shows."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.scripts, self._in = [], [], None
        self.feed(text)
        self.data = json.loads(next(script for script in self.scripts if script.startswith("{")))

    def handle_starttag(self, tag, attributes):
        self.fetched += [v for k, v in attributes if k in ("src", "href", "srcset", "action", "data", "poster")]
        assert not any(name.startswith("on") for name, _ in attributes), attributes
        self._in = tag

    def handle_data(self, data):
        if self._in == "script":
            self.scripts.append(data)

    def rows(self, table):
        """The rows of a table, as cells by the name of their column."""
        names = [head["name"] for head in self.data["tables"][table]["heads"]]
        return [dict(zip(names, row["cells"], strict=True)) for row in self.data["tables"][table]["rows"]]


def test_the_page_tells_the_numbers_of_the_runs(page, with_baselines):
    found, text = page
    shown = Page(text)
    rows = shown.rows("groups")
    assert len(rows) == len(found.groups)
    for row, one in zip(rows, found.groups, strict=True):
        for column in found.columns:
            there, cell = one.metrics.get(column.name), row[column.name]
            assert (cell["value"], cell["text"]) == ((there.mean, cell["text"]) if there else (None, "—"))
            if there:
                assert read_number(cell["text"]) == pytest.approx(there.mean, abs=0.5 * 10**-column.digits + 1e-9)
    every = {row["run"]["text"]: row for row in shown.rows("runs")}
    folder, _, _ = with_baselines
    for latent in (2, 3):
        for seed in (0, 1):
            name = f"latent={latent},seed={seed}"
            last = read_rows(folder / name, "test")[-1]
            for term in ("elbo", "reconstruction", "kl"):
                assert every[name][term]["value"] == last[term]
            best = min(read_rows(folder / name, "validation"), key=lambda row: row["loss"])
            assert every[name]["best_validation_elbo"]["value"] == best["elbo"]
    assert next(head["name"] for head in shown.data["tables"]["groups"]["heads"] if head["is_number"]) == (
        "best_validation_elbo"
    ), "the headline of a run is the first metric"


def read_number(text):
    return float(text.replace("−", "-").replace(",", ""))


def test_the_page_has_the_rows_of_each_run(page, with_baselines):
    _, text = page
    folder, found, _ = with_baselines
    data = Page(text).data
    assert data["curves"]["split"] == "validation"
    assert [term["name"] for term in data["curves"]["terms"]][:2] == ["elbo", "reconstruction"]
    number = found.groups.index(find_group(found, recipe="vae", latent=2))
    runs = [run for run in data["runs"] if run["group"] == number]
    assert [run["name"] for run in runs] == ["latent=2,seed=0", "latent=2,seed=1"]
    for run in runs:
        rows = read_rows(folder / run["name"], "validation")
        columns = data["runCurves"][run["run"]]["validation"]
        for name in ("step", "epoch"):
            assert columns[name] == [row[name] for row in rows]
        for name in ("elbo", "kl", "seconds"):
            assert columns[name] == [float(f"{row[name]:.6g}") for row in rows]


def test_nothing_is_fetched_and_nothing_else_runs(page):
    _, text = page
    shown = Page(text)
    assert all(value.startswith(("data:image/", "#")) for value in shown.fetched)
    assert not re.search(r"url\(|@import", text)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text).group(1)
    assert "default-src 'none'" in policy
    assert "'sha256-" in policy
    assert len(text) < 5_000_000 / 2


def test_hostile_names_are_text(digits, tmp_path):
    (folder := tmp_path / f"runs {ATTACK[:30].replace('/', '')}</script>".replace("/", "")).mkdir()
    names = [ATTACK.replace("/", ""), "$title ${css} {0}"]
    for name, optimizer in zip(names, ("adam", "adamax"), strict=True):
        out = folder / name
        er.fit(*er.recipes.vae(digits.shape, latent=2), digits, steps=2, out=out, device="cpu", optimizer=optimizer)
        record = json.loads((out / "recipe.json").read_text())
        record["data"]["name"], record["training"]["optimizer"] = ATTACK, optimizer + ATTACK + "</script>"
        (out / "recipe.json").write_text(json.dumps(record))
    held = {"points": {ATTACK[:20]: {"latent": 0}}, "failed": {ATTACK[:20]: ATTACK}}
    (folder / "sweep.json").write_text(json.dumps(held))
    found = compare(folder)
    text = found.write(tmp_path / "page.html").read_text()
    shown = Page(text)
    assert "<img src=x" not in text
    assert text.count("</script>") == 2
    assert "&lt;img src=x onerror=" in text
    assert "$title ${css} {0}" in text
    assert names[0] in [row["run"]["text"] for row in shown.rows("runs")]
    table = io.StringIO()
    from rich.console import Console

    Console(file=table, width=400).print(found.table())
    assert ATTACK in table.getvalue()


def test_rows_of_a_table_are_shown_as_lines(tmp_path):
    rng = np.random.default_rng(0)
    data = er.load_data(rng.normal(size=(300, 7)).astype(np.float32))
    for latent in (1, 2):
        made = er.recipes.vae(data.shape, latent=latent, hidden=(8,), likelihood="gaussian")
        er.fit(*made, data, steps=5, out=tmp_path / str(latent), device="cpu")
    # Given in Python, the data cannot be had from the record.
    without = compare(tmp_path).write(tmp_path / "without.html").read_text()
    assert "pass the same as data=" in without
    text = compare(tmp_path, data=data).write(tmp_path / "page.html").read_text()
    assert "number of the column" in text
    other = compare(tmp_path, data=rng.normal(size=(300, 7)).astype(np.float32))
    assert "was trained on other data than was given" in other.write(tmp_path / "other.html").read_text()
