"""Comparisons: the runs' own numbers, as means over seeds; what is not comparable said; baselines that are exact."""

import csv
import io
import json
import math
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import elbowroom as er
from elbowroom.cli import main
from elbowroom.comparing import compare, pca
from elbowroom.comparing.columns import COLUMNS, SeedMean, format_mean, seed_mean
from elbowroom.comparing.pca import PROBABILITY_MARGIN, reconstruction_nats
from elbowroom.runs.settings import find_differing_settings, find_distinguishing_settings

QUICK = ["--steps", "12", "--device", "cpu"]
ATTACK = '<img src=x onerror="alert(1)">&\'"'


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Trainings leave neither curves nor a report behind, which take longer than these trainings do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elbowroom.workbench.fit.write_final_report", lambda state: None)
        patch.setattr("elbowroom.training.callbacks.Pictures.end", lambda self, state: None)
        yield


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Two sizes of code and an impossible one, on two seeds."""
    folder = tmp_path_factory.mktemp("compared") / "s"
    assert main(["sweep", "vae", "--latent", "0,2,3", "--seed", "0,1", *QUICK, "--out", str(folder)]) == 1
    return folder


@pytest.fixture(scope="module")
def based(swept, tmp_path_factory):
    """The same with baselines."""
    folder = tmp_path_factory.mktemp("based") / "s"
    shutil.copytree(swept, folder)
    told = []
    return folder, compare(folder, baselines=True, log=told.append), told


@pytest.fixture
def train(tmp_path):
    """Train a short run with these flags, into a folder of the test's own."""

    def train(name, *flags, recipe="vae"):
        out = tmp_path / name
        assert main(["train", recipe, "--latent", "2", *QUICK, *flags, "--out", str(out)]) == 0
        return out

    return train


def rows_of(run, split):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row.get("split") == split]


def group(comparison, **settings):
    (found,) = [g for g in comparison.groups if all(g.settings.get(k) == v for k, v in settings.items())]
    return found


# Figures.


def test_means_and_deviations_are_those_of_the_runs_own_rows(swept):
    found = compare(swept)
    for latent in (2, 3):
        runs = [swept / f"latent={latent},seed={seed}" for seed in (0, 1)]
        last = [rows_of(run, "test")[-1] for run in runs]
        validation = [[row["loss"] for row in rows_of(run, "validation")] for run in runs]
        expected = {name: [row[name] for row in last] for name in ("elbo", "reconstruction", "kl", "loss")}
        expected["validation_loss"] = [losses[-1] for losses in validation]
        expected["best_validation_loss"] = [min(losses) for losses in validation]
        expected["squared_error"] = [er.evaluate(run, metrics="error")["mse"].value for run in runs]
        expected["parameters"] = [json.loads((run / "recipe.json").read_text())["parameters"] for run in runs]
        figures = group(found, latent=latent).metrics
        for name, values in expected.items():
            assert figures[name].mean == pytest.approx(np.mean(values), rel=1e-6), name
            assert figures[name].sd == pytest.approx(np.std(values, ddof=1), rel=1e-4, abs=1e-9), name
            assert figures[name].n == 2


@pytest.mark.parametrize("values", [[1.5], [1.0, 4.0], [-3.0, 2.5, 1e3], [0.1] * 4])
def test_a_figure_is_numpys(values):
    found = seed_mean(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.n == len(values)
    assert found.sd is None if len(values) == 1 else found.sd == pytest.approx(np.std(values, ddof=1), abs=1e-12)
    assert seed_mean([*values, None]) == found
    assert seed_mean([None]) is None


def test_figures_are_written_with_their_spread():
    assert format_mean(SeedMean(-93.3412, 0.4, 3), 2) == "−93.34 ± 0.40"
    assert format_mean(SeedMean(54468.0, 0.0, 3), 0) == "54,468"
    assert format_mean(SeedMean(20.0, 0.0, 3), 1) == "20"
    assert format_mean(SeedMean(19.5, 0.71, 2), 1) == "19.5 ± 0.7"


def test_only_the_seed_is_averaged_over(swept):
    found = compare(swept)
    assert found.differing_settings == ["latent"]
    assert [(g.differing_values["latent"], g.seed_summary) for g in found.groups] == [
        ("0", "none of 2"),
        ("2", "0, 1"),
        ("3", "0, 1"),
    ]
    assert found.shared_settings["batch_size"] == 128
    assert found.shared_settings["recipe"] == "vae"
    assert "latent" not in found.shared_settings


def test_the_loss_stands_apart_only_where_it_says_something_of_its_own(swept, train):
    assert "loss" not in [column.name for column in compare(swept).columns]
    beta = train("beta", "--beta", "4", recipe="beta_vae")
    assert "loss" in [column.name for column in compare(beta, train("vae")).columns]


def test_settings_of_every_kind_are_told_apart(train):
    runs = [
        train("a"),
        train("b", "--lr", "0.01", "--schedule", "cosine"),
        train("c", "--hidden", "32,16", "--optimizer", "sgd(momentum=0.9)"),
    ]
    found = compare(*runs)
    assert found.differing_settings == ["hidden", "lr", "optimizer", "schedule"]
    shown = [tuple(g.differing_values.values()) for g in found.groups]
    assert ("400", "0.001", "adam", "—") in shown
    assert ("400", "0.01", "adam", "cosine") in shown
    assert ("32×16", "0.001", "sgd(momentum=0.9)", "—") in shown


def test_a_run_is_counted_once_however_it_is_named(swept):
    run = swept / "latent=2,seed=0"
    assert len(compare(run, swept, swept / "latent=2,seed=0").entries) == 6


def test_a_name_needs_no_more_than_tells_apart():
    deep, linear = {"latent": 2, "hidden": [400], "linear": False}, {"latent": 2, "hidden": [], "linear": True}
    settings = [deep, linear, deep | {"latent": 5}, linear | {"latent": 5}]
    assert find_differing_settings(settings) == ["latent", "hidden", "linear"]
    assert find_distinguishing_settings(settings, find_differing_settings(settings)) == ["latent", "linear"]


def test_objectives_are_named_only_where_nothing_else_differs(digits, tmp_path):
    model, objective = er.recipes.vae(digits.shape, latent=2)
    er.fit(model, objective, digits, steps=3, out=tmp_path / "a", device="cpu")
    er.fit(model, er.Reconstruction() + 3 * er.KL(), digits, steps=3, out=tmp_path / "b", device="cpu")
    found = compare(tmp_path)
    assert found.differing_settings == ["objective"]
    assert [g.differing_values["objective"] for g in found.groups] == [
        "(reconstruction + kl)",
        "(reconstruction + (3 * kl))",
    ]
    assert any("Losses can be compared only under the same objective" in line for line in found.comparability_notes)
    # Each is the best of its own kind, so none is the best.
    loss = next(column for column in COLUMNS if column.name == "validation_loss")
    elbo = next(column for column in COLUMNS if column.name == "elbo")
    assert found.best_groups(loss) == []
    assert len(found.best_groups(elbo)) == 1


# What is not comparable.


@pytest.mark.parametrize(
    ("flags", "words", "shared"),
    [
        (
            ["--likelihood", "gaussian"],
            "its likelihood is Gaussian of learned scale, log-density (in A: Bernoulli",
            True,
        ),
        (["--likelihood", "gaussian:0.5"], "its likelihood is Gaussian of scale 0.5, log-density", True),
        (["--binarise", "threshold"], "its binarise is threshold (in A: none)", False),
        (["--validation", "100"], "its train examples is 1,338 (in A: 1,258)", False),
    ],
)
def test_runs_of_another_protocol_are_marked(train, flags, words, shared):
    found = compare(train("a"), train("b", *flags))
    assert [protocol.letter for protocol in found.protocols] == ["A", "B"]
    (said,) = [line for line in found.comparability_notes if line.startswith("B is not comparable with A")]
    assert words in said
    assert ("Squared errors can be compared" in said) is shared
    best = {column.name: found.best_groups(column) for column in found.columns}
    assert best["elbo"] == []
    assert len(best["squared_error"]) == shared
    page = found.write(found.entries[0].run.path / "page.html").read_text()
    assert "Not comparable" in page
    assert page.count('<tr class="under">') == 2


def test_what_an_earlier_version_could_not_be_asked_for_is_no_difference(train):
    """A record of before an argument of the data was there means its default."""
    runs = [train("a"), train("b")]
    record = json.loads((runs[0] / "recipe.json").read_text())
    record["data"]["arguments"] = {"binarise": "none", "validation": 0.1, "test": 0.2, "seed": 0}
    (runs[0] / "recipe.json").write_text(json.dumps(record))
    assert compare(*runs).comparability_notes == []


def test_different_values_under_one_description_are_different_data(tmp_path):
    rng = np.random.default_rng(0)
    for name in "ab":
        data = er.load_data(rng.random((200, 1, 6, 6), dtype=np.float32))
        er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=2, out=tmp_path / name, device="cpu")
    found = compare(tmp_path)
    assert len(found.protocols) == 2
    assert "its fingerprint is" in found.comparability_notes[0]


def test_seeds_that_divide_the_data_anew_are_one_protocol_and_it_says_so(swept):
    found = compare(swept)
    assert len(found.protocols) == 1
    assert any("each seed divides the data anew" in note for note in found.notes)


# What did not come to an end.


def test_what_failed_or_is_not_finished_does_not_count(swept, tmp_path):
    folder = tmp_path / "s"
    shutil.copytree(swept, folder)
    cut = folder / "latent=2,seed=1"
    lines = (cut / "metrics.jsonl").read_text().splitlines(keepends=True)
    (cut / "metrics.jsonl").write_text("".join(lines[:3]))
    broken = folder / "latent=3,seed=0"
    (broken / "recipe.json").write_text("{")
    found = compare(folder)
    assert {entry.name: entry.state for entry in found.excluded_entries} == {
        "latent=0,seed=0": "failed",
        "latent=0,seed=1": "failed",
        "latent=2,seed=1": "unfinished",
        "latent=3,seed=0": "damaged",
    }
    mine = group(found, latent=2)
    assert mine.metrics["elbo"] == SeedMean(rows_of(folder / "latent=2,seed=0", "test")[-1]["elbo"], None, 1)
    assert mine.seeds == "0 (1 missing)"
    said = " ".join(found.footnotes)
    assert "latent=0,seed=0 does not count: failed, recipe vae(latent=0)" in said
    assert "stopped at step" in said
    assert "its recipe.json cannot be read" in said
    page = found.write(tmp_path / "page.html").read_text()
    for word in ("unfinished", "damaged", "failed", "give a larger latent"):
        assert word in page


def test_a_sweep_of_which_nothing_came_still_has_a_page(tmp_path, capsys):
    folder = tmp_path / "s"
    assert main(["sweep", "vae", "--latent", "0", *QUICK, "--out", str(folder)]) == 1
    assert main(["compare", str(folder)]) == 0
    assert "give a larger latent" in capsys.readouterr().out
    assert "runs that count" in (folder / "compare.html").read_text()


def test_damaged_weights_leave_the_rows(swept, tmp_path):
    folder = tmp_path / "s"
    shutil.copytree(swept / "latent=2,seed=0", folder / "run")
    (folder / "run" / "model.safetensors").write_bytes(b"nothing")
    found = compare(folder)
    assert "elbo" in found.groups[0].metrics
    assert "squared_error" not in found.groups[0].metrics
    assert "model.safetensors" in found.write(tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "no run in nowhere: give run directories, or a folder that holds some"),
        (["RUN", "--json", "--csv"], "both --json and --csv were given"),
        (["RUN", "--out", "page.txt"], "the name must end in .html"),
        (["RUN", "--out", "no/folder.html"], "there is no folder no; make it first"),
    ],
)
def test_a_mistake_is_one_line(swept, arguments, words, capsys):
    run = str(swept / "latent=2,seed=0")
    assert main(["compare", *(run if a == "RUN" else a for a in arguments)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


# Baselines.


def test_pca_is_sklearns(digits):
    x = digits.train.x.double().flatten(1).numpy() / 255
    test = digits.test.first(359).x
    for latent in (1, 2, 10, 40):
        model, theirs = pca(digits, latent), PCA(latent, svd_solver="full").fit(x)
        again = theirs.inverse_transform(theirs.transform(test.flatten(1).double().numpy()))
        expected = np.mean((again - test.flatten(1).double().numpy()) ** 2)
        assert er.evaluate(model, digits, metrics="error")["mse"].value == pytest.approx(expected, rel=1e-4, abs=1e-6)
        ours = model.decoder.net.layers[-1].weight.detach().double().numpy()
        assert np.degrees(subspace_angles(ours, theirs.components_.T).max()) < 0.01
        np.testing.assert_allclose(ours.T @ ours, np.eye(latent), atol=1e-5)
        lost = (PCA(64).fit(x).explained_variance_[latent:].sum() * (len(x) - 1) / len(x)) / 64
        assert (2 * model.decoder.family.log_scale).exp().item() == pytest.approx(lost, rel=1e-4)


def test_no_affine_code_loses_less_than_pca(digits, tmp_path):
    torch.manual_seed(0)
    model, objective = er.recipes.autoencoder(digits.shape, latent=4, linear=True)
    er.fit(model, objective, digits, steps=200, lr=1e-2, out=tmp_path / "run", device="cpu")
    trained, exact = (
        er.evaluate(m, digits, metrics="error", split="train")["mse"].value for m in (model, pca(digits, 4))
    )
    assert exact < trained < 2 * exact


def test_pca_of_pictures_far_from_zero_keeps_its_digits():
    """Sums of squares around zero would lose them."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(500, 3)) @ rng.normal(size=(3, 12)) + 1000).astype(np.float32)
    data = er.load_data(x, validation=0, test=0)
    assert er.evaluate(pca(data, 3), data, metrics="error", split="train")["mse"].value < 1e-6


@pytest.mark.parametrize(
    ("shape", "latent", "words"),
    [
        ((8,), 9, "PCA of 9 components, of examples of 8 numbers: expected 1 to 8"),
        ((8,), 0, "expected 1 to 8"),
        ((5000,), 2, "PCA is exact up to 4,096 numbers in an example, and here are 5,000"),
    ],
)
def test_pca_refuses_what_it_cannot_do(shape, latent, words):
    data = er.load_data(np.zeros((20, *shape), np.float32))
    with pytest.raises(ValueError, match=words):
        pca(data, latent)


def test_an_output_is_scored_as_the_likelihood_allows():
    x, output = torch.rand(5, 1, 4, 4), torch.randn(5, 1, 4, 4)
    p = output.clamp(PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN).double()
    expected = -(x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)
    torch.testing.assert_close(
        reconstruction_nats(er.Bernoulli((1, 4, 4)), x, output, 0.1), expected.float(), rtol=1e-4, atol=1e-4
    )
    for scale, sigma in ((0.3, 0.3), ("learned", math.sqrt(0.1)), ("optimal", math.sqrt(0.1))):
        density = torch.distributions.Normal(output, sigma).log_prob(x).flatten(1).sum(1)
        mine = reconstruction_nats(er.Gaussian((1, 4, 4), scale), x, output, 0.1)
        torch.testing.assert_close(mine, -density, rtol=1e-4, atol=1e-3)
    for family in (er.Categorical((1, 4, 4)), er.ContinuousBernoulli((1, 4, 4)), er.Laplace((1, 4, 4))):
        assert reconstruction_nats(family, x, output, 0.1) is None


def test_baselines_stand_beside_the_runs(based):
    folder, found, told = based
    assert sum("[" in line for line in told) == 8
    deep, linear = (group(found, recipe="autoencoder", latent=2, linear=flag) for flag in (False, True))
    components = group(found, recipe="pca", latent=2)
    assert [g.seeds for g in (deep, linear, components)] == ["0, 1"] * 3
    # The same data, seeds and layers as the runs; and what each column is defined for.
    record = json.loads((folder / "baselines" / "baseline=deep,latent=2,seed=1" / "recipe.json").read_text())
    beside = json.loads((folder / "latent=2,seed=1" / "recipe.json").read_text())
    assert record["data"] == beside["data"]
    assert record["arguments"]["hidden"] == beside["arguments"]["hidden"]
    assert {k: record["training"][k] for k in ("steps", "lr", "seed")} == {"steps": 12, "lr": 1e-3, "seed": 1}
    for name in ("elbo", "kl"):
        assert not any(name in g.metrics for g in (deep, linear, components))
    assert all("squared_error" in g.metrics for g in (deep, linear, components))
    assert deep.protocol == components.protocol == group(found, recipe="vae", latent=2).protocol
    assert linear.protocol != deep.protocol
    assert linear.settings["hidden"] == []
    assert any("cross-entropy of the output, clipped into [1/512, 511/512]" in note for note in found.notes)
    seeds = [er.load_data("digits", seed=seed) for seed in (0, 1)]
    errors = [er.evaluate(pca(data, 2), data, metrics="error")["mse"].value for data in seeds]
    assert components.metrics["squared_error"].mean == pytest.approx(np.mean(errors), rel=1e-5)
    assert components.metrics["squared_error"].sd == pytest.approx(np.std(errors, ddof=1), rel=1e-4)


def test_baselines_are_trained_once(based):
    folder, found, _ = based
    told = []
    again = compare(folder, baselines=True, log=told.append)
    assert told == []
    assert len(again.entries) == len(found.entries)
    # Without the flag what was trained is a run like others; PCA is kept nowhere.
    assert len(compare(folder).entries) == len(found.entries) - 4


def test_ones_own_autoencoder_is_the_baseline(train):
    vae = train("vae")
    train("mine", recipe="autoencoder")
    told = []
    found = compare(vae.parent, baselines=True, log=told.append)
    assert [line for line in told if "[" in line] == ["[1/1] run"]
    assert len([entry for entry in found.entries if entry.settings.get("recipe") == "autoencoder"]) == 2


def test_a_baseline_of_data_that_has_changed_is_not_shown(train, monkeypatch):
    vae = train("vae")
    compare(vae, baselines=True, log=lambda _: None)
    (record,) = (vae.parent / "baselines").glob("baseline=deep*/recipe.json")
    record.write_text(record.read_text().replace('"fingerprint": "', '"fingerprint": "0'))
    with pytest.raises(ValueError, match="is a baseline on data that has changed: remove it"):
        compare(vae, baselines=True, log=lambda _: None)


def test_no_baseline_without_a_code_of_one_size(train):
    ladder = train("ladder", "--latent", "4,2", "--hidden", "16,16", recipe="ladder_vae")
    with pytest.raises(ValueError, match="no finished run has a code of one size"):
        compare(ladder, baselines=True)


# What comes out.


class Figures(HTMLParser):
    """The rows of the first table: their cells with the values that sorting goes by."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.fetched, self.scripts, self._in = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        self.fetched += [v for k, v in attributes if k in ("src", "href", "srcset", "action", "data", "poster")]
        assert not any(name.startswith("on") for name, _ in attributes), attributes
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag == "td":
            self.tables[-1][-1].append([told.get("data-v", ""), ""])
        self._in = tag

    def handle_data(self, data):
        if self._in == "script":
            self.scripts.append(data)
        if self.tables and self.tables[-1] and self.tables[-1][-1] and data.strip():
            self.tables[-1][-1][-1][1] += data


@pytest.fixture(scope="module")
def page(based, tmp_path_factory):
    _, found, _ = based
    return found, found.write(tmp_path_factory.mktemp("page") / "compare.html").read_text()


def test_the_page_tells_the_numbers_of_the_runs(page, based):
    found, text = page
    figures = Figures(text)
    means = [row for row in figures.tables[0] if len(row) > 2]
    assert len(means) == len(found.groups)
    for row, one in zip(means, found.groups, strict=True):
        cells = row[len(found.differs) + 1 :]
        for (value, shown), column in zip(cells, found.columns, strict=True):
            there = one.metrics.get(column.name)
            assert (float(value) == there.mean) if there else (value, shown) == ("", "—")
    every = {row[0][1]: row for row in figures.tables[1] if row}
    folder, _, _ = based
    at = [column.name for column in found.columns]
    for latent in (2, 3):
        for seed in (0, 1):
            name = f"latent={latent},seed={seed}"
            last = rows_of(folder / name, "test")[-1]
            for term in ("elbo", "reconstruction", "kl"):
                assert float(every[name][3 + at.index(term)][0]) == last[term]


def test_the_curves_are_the_means_of_the_rows(page, based):
    _, text = page
    folder, found, _ = based
    charts = json.loads(next(s for s in Figures(text).scripts if s.startswith('{"charts"')))["charts"]
    assert charts
    steps = [row["step"] for row in rows_of(folder / "latent=2,seed=0", "validation")]
    elbos = np.array([[r["elbo"] for r in rows_of(folder / f"latent=2,seed={s}", "validation")] for s in (0, 1)])
    number = found.groups.index(group(found, recipe="vae", latent=2))
    (line,) = [line for line in charts[0]["lines"] if line["group"] == number]
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


def test_json_and_csv_say_the_same(based):
    _, found, _ = based
    told = json.loads(found.json())
    rows = list(csv.DictReader(io.StringIO(found.csv())))
    assert len(told["rows"]) == len(rows) == len(found.groups)
    for one, line, row in zip(found.groups, rows, told["rows"], strict=True):
        for name in ("elbo", "squared_error"):
            there = row["figures"].get(name)
            assert line[f"{name}_mean"] == (str(there["mean"]) if there else "")
            assert line[f"{name}_sd"] == (str(there["sd"]) if there else "")
        assert row["settings"]["latent"] == one.settings["latent"]
    assert told["figures"]["elbo"] == {"unit": "nats per example", "of": "test"}
    assert told["not comparable"] == found.apart


def test_the_command_prints_the_table_and_writes_the_page(swept, tmp_path, capsys):
    out = tmp_path / "mine.html"
    assert main(["compare", str(swept), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    best = group(compare(swept), latent=2).metrics["elbo"]
    assert f"−{-best.mean:.2f} ± {best.sd:.2f}" in said
    assert str(out) in said
    assert out.read_text().startswith("<!doctype html>")
    runs = [str(swept / f"latent={latent},seed=0") for latent in (2, 3)]
    assert main(["compare", *runs, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 2
    assert not (swept / "compare.html").exists()
    assert main(["compare", *runs]) == 0
    assert (swept / "compare.html").exists()


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


def test_sorting_reading_and_bringing_forward(page, tmp_path):
    """In a browser: a click and the Enter key sort, within each protocol; lines are read with the arrow keys."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium here")
    _, text = page
    (file := tmp_path / "page.html").write_text(text)
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in (390, 1440):
            view = browser.new_page(viewport={"width": width, "height": 900})
            wrong = []
            view.on("pageerror", lambda error, wrong=wrong: wrong.append(str(error)))
            view.on("console", lambda message, wrong=wrong: wrong.append(message.text))
            view.on("request", lambda r, wrong=wrong: r.url.startswith("http") and wrong.append(r.url))
            view.goto(file.as_uri())
            assert view.evaluate("document.documentElement.scrollWidth") <= width
            head = view.locator("#figures thead button", has_text="squared error").first
            head.click()
            order = "bodies => [...bodies].map(b => [...b.rows].map(r => r.querySelector('.number:nth-last-child(6)')"
            order += "?.dataset.v).filter(v => v))"
            values = view.locator("table.figures").first.locator("tbody").evaluate_all(order)
            assert len(values) == 2
            for body in values:
                numbers = [float(v) for v in body]
                assert numbers == sorted(numbers)
            head.focus()
            view.keyboard.press("Enter")
            values = view.locator("table.figures").first.locator("tbody").evaluate_all(order)
            for body in values:
                assert [float(v) for v in body] == sorted((float(v) for v in body), reverse=True)
            area = view.locator("#curves .area").first
            area.focus()
            view.keyboard.press("ArrowLeft")
            view.keyboard.press("ArrowDown")
            reading = view.locator("#curves .reading").first
            assert reading.is_visible()
            assert "optimiser steps" in reading.inner_text()
            view.keyboard.press("Escape")
            assert not reading.is_visible()
            assert wrong == []
        browser.close()


def test_the_python_of_the_documentation_runs(root, tmp_path, monkeypatch, capsys):
    pytest.importorskip("pyro", reason="pyro-ppl is not installed")
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / "comparing.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    exec(compile(code, "comparing.md", "exec"), {"__name__": "comparing"})
    said = capsys.readouterr().out
    assert "['latent', 'objective']" in said
    assert "'latent=5,beta=4,seed=1'" in said
    assert (tmp_path / "compare.html").is_file()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (root / "docs" / target).exists(), target
