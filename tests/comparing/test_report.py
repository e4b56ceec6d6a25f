"""The page of a comparison: its numbers, its curves, and that it fetches nothing."""

import io
import json
import re
from html.parser import HTMLParser

import numpy as np

import elbowroom as er
from elbowroom.comparing import compare
from tests.comparing.helpers import find_group, read_rows

ATTACK = '<img src=x onerror="alert(1)">&\'"'


class Figures(HTMLParser):
    """The rows of the first table: their cells with the values that sorting goes by."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.fetched, self.scripts, self._in = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.fetched += [v for k, v in attributes if k in ("src", "href", "srcset", "action", "data", "poster")]
        assert not any(name.startswith("on") for name, _ in attributes), attributes
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag == "td":
            self.tables[-1][-1].append([values.get("data-v", ""), ""])
        self._in = tag

    def handle_data(self, data):
        if self._in == "script":
            self.scripts.append(data)
        if self.tables and self.tables[-1] and self.tables[-1][-1] and data.strip():
            self.tables[-1][-1][-1][1] += data


def test_the_page_tells_the_numbers_of_the_runs(page, with_baselines):
    found, text = page
    figures = Figures(text)
    means = [row for row in figures.tables[0] if len(row) > 2]
    assert len(means) == len(found.groups)
    for row, one in zip(means, found.groups, strict=True):
        cells = row[len(found.differing_settings) + 1 :]
        for (value, shown), column in zip(cells, found.columns, strict=True):
            there = one.metrics.get(column.name)
            assert (float(value) == there.mean) if there else (value, shown) == ("", "—")
    every = {row[0][1]: row for row in figures.tables[1] if row}
    folder, _, _ = with_baselines
    at = [column.name for column in found.columns]
    for latent in (2, 3):
        for seed in (0, 1):
            name = f"latent={latent},seed={seed}"
            last = read_rows(folder / name, "test")[-1]
            for term in ("elbo", "reconstruction", "kl"):
                assert float(every[name][3 + at.index(term)][0]) == last[term]


def test_the_curves_are_the_means_of_the_rows(page, with_baselines):
    _, text = page
    folder, found, _ = with_baselines
    charts = json.loads(next(s for s in Figures(text).scripts if s.startswith('{"charts"')))["charts"]
    assert charts
    steps = [row["step"] for row in read_rows(folder / "latent=2,seed=0", "validation")]
    elbos = np.array([[r["elbo"] for r in read_rows(folder / f"latent=2,seed={s}", "validation")] for s in (0, 1)])
    number = found.groups.index(find_group(found, recipe="vae", latent=2))
    own = [line for line in charts[0]["lines"] if line["group"] == number]
    (line,) = [line for line in own if not line.get("silent")]
    assert [seed["y"] for seed in own if seed.get("silent")] == [[float(f"{v:.6g}") for v in row] for row in elbos]
    assert line["x"] == steps
    np.testing.assert_allclose(line["y"], elbos.mean(0), rtol=1e-5)
    np.testing.assert_allclose(line["sd"], elbos.std(0, ddof=1), rtol=1e-4)


def test_nothing_is_fetched_and_nothing_else_runs(page):
    _, text = page
    figures = Figures(text)
    assert all(value.startswith(("data:image/", "#")) for value in figures.fetched)
    assert not re.search(r"url\(|@import|https?://", text)
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
    figures = Figures(text)
    assert "<img src=x" not in text
    assert text.count("</script>") == 2
    assert "&lt;img src=x onerror=" in text
    assert "$title ${css} {0}" in text
    assert any(row and row[0][1] == names[0] for row in figures.tables[1])
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
    assert "column of the table" in text
    other = compare(tmp_path, data=rng.normal(size=(300, 7)).astype(np.float32))
    assert "was trained on other data than was given" in other.write(tmp_path / "other.html").read_text()
