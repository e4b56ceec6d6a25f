"""Scores of strangeness, their ranking and their thresholds, against enumeration, identities and other libraries."""

import csv
import itertools
import json
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

import elbowroom as er
from elbowroom.cli import main
from elbowroom.data import InMemorySplit
from elbowroom.evaluation.anomaly import background
from elbowroom.evaluation.anomaly.heatmap import pixel_nll
from elbowroom.evaluation.anomaly.reference import open_reference
from elbowroom.evaluation.anomaly.scores import SCORES
from elbowroom.evaluation.metrics.roc import auprc, auroc


@pytest.fixture(autouse=True)
def briefly(monkeypatch):
    monkeypatch.setattr(background, "FIT_STEPS", 150)


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    """A short run on the digits."""
    model, objective = er.recipes.vae(digits.shape, latent=8, hidden=(100,))
    return er.fit(model, objective, digits, epochs=20, lr=3e-3, out=tmp_path_factory.mktemp("an") / "run", device="cpu")


def scores_of(size, shift=0.0, ties=False, seed=0):
    x = np.random.default_rng(seed).normal(size=size) + shift
    return torch.from_numpy(np.round(x, 1) if ties else x)


@pytest.mark.parametrize("ties", [False, True])
def test_ranking_is_sklearns(ties):
    low, high = scores_of(200, ties=ties), scores_of(90, 0.8, ties, seed=1)
    truth, values = [0] * 200 + [1] * 90, torch.cat([low, high])
    assert auroc(low, high).value == pytest.approx(roc_auc_score(truth, values))
    assert auprc(low, high).value == pytest.approx(average_precision_score(truth, values))
    assert auroc(low, low).value == pytest.approx(0.5)


def test_the_error_of_the_auroc_is_delongs():
    """The variances of the placements, written out as in the paper."""
    low, high = scores_of(40, ties=True), scores_of(30, 0.5, True, seed=1)
    psi = (high[:, None] > low).double() + 0.5 * (high[:, None] == low).double()
    expected = (psi.mean(1).var() / 30 + psi.mean(0).var() / 40).sqrt()
    assert auroc(low, high).standard_error == pytest.approx(expected.item())


@pytest.mark.parametrize("measure", [auroc, auprc])
def test_errors_of_rankings_are_the_spread_over_fresh_examples(measure):
    found = [measure(scores_of(150, seed=s), scores_of(100, 1, seed=1000 + s)) for s in range(60)]
    spread, said = np.std([m.value for m in found]), np.mean([m.standard_error for m in found])
    assert said == pytest.approx(spread, rel=0.35)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=40),
    st.lists(st.integers(-6, 6), min_size=1, max_size=10),
    st.sampled_from([0.02, 0.05, 0.1, 0.25, 0.5, 0.9]),
)
def test_a_flag_is_a_small_p_value_and_both_are_counts(calibration, new, level):
    detector, scores = er.Detector(torch.tensor(calibration).double()), torch.tensor(new).double()
    expected = [(1 + sum(c >= s for c in calibration)) / (len(calibration) + 1) for s in new]
    assert detector.p_values(scores).tolist() == pytest.approx(expected)
    if level * (len(calibration) + 1) < 1:
        with pytest.raises(ValueError, match="normal examples to calibrate on"):
            detector.threshold(level)
    else:
        assert detector.flags(scores, level).tolist() == [p <= level + 1e-9 for p in expected]


@pytest.mark.parametrize(("n", "m", "level"), [(199, 300, 0.05), (99, 50, 0.1), (1000, 1000, 0.01)])
def test_the_false_positive_rate_is_nominal_over_many_splits_and_spread_as_beta_binomial(n, m, level):
    """Scores of a skewed distribution with heavy tails, which a threshold by mean and deviation would miss."""
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(600):
        scores = torch.from_numpy(rng.standard_t(2, size=n + m) ** 3)
        rates.append(er.Detector(scores[:n]).flags(scores[n:], level).double().mean().item())
    mean, deviation = er.Detector(torch.arange(float(n))).expected_rate(level, m)
    k = math.floor(level * (n + 1) + 1e-9)
    exact = stats.betabinom(m, k, n + 1 - k)
    assert (mean, deviation) == pytest.approx((exact.mean() / m, exact.std() / m))
    assert abs(np.mean(rates) - mean) < 4 * deviation / math.sqrt(600)
    assert np.std(rates) == pytest.approx(deviation, rel=0.15)
    assert mean <= level + 1e-12


def test_a_detector_advises():
    with pytest.raises(ValueError, match="needs at least 99 normal examples"):
        er.Detector(torch.zeros(20)).threshold(0.01)
    with pytest.raises(ValueError, match="expected a false-positive rate between 0 and 1"):
        er.Detector(torch.zeros(20)).threshold(5)
    with pytest.raises(ValueError, match="not finite"):
        er.Detector(torch.tensor([0.0, math.nan]))
    with pytest.raises(ValueError, match="row of finite scores"):
        er.Detector(torch.zeros(0))


@pytest.mark.parametrize("window", [1, 3, 5])
def test_the_background_is_a_density(window):
    """The probabilities of all 512 binary pictures of 3x3 pixels add up to one."""
    torch.manual_seed(0)
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=9))).view(-1, 1, 3, 3)
    context = background.PixelContextDensity(er.Bernoulli((1,)), window).double()
    assert context(every.double()).exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_colours_of_a_pixel_are_one_event_of_the_background():
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=12))).view(-1, 3, 2, 2)
    context = background.PixelContextDensity(er.Bernoulli((3,)), 3)
    assert context.pixel_log_prob(every).shape == (4096, 2, 2)
    assert context(every).exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_pixels_one_by_one_are_fitted_to_the_entropy_of_their_distribution():
    torch.manual_seed(0)
    x = (torch.rand(3000, 1, 6, 6) < 0.2).byte() * 255
    fitted = background.fit_background(er.Bernoulli((1, 6, 6)), InMemorySplit(x), window=1)
    entropy = 36 * stats.bernoulli(x.bool().float().mean().item()).entropy()
    with torch.no_grad():
        assert -fitted(x.float() / 255).mean().item() == pytest.approx(entropy, rel=0.01)


def test_context_explains_how_strokes_go_on():
    """Of columns that are all ink or none, only the first row is news; the rest is known from the pixel above."""
    torch.manual_seed(0)
    x = ((torch.rand(2000, 1, 1, 8) < 0.5).expand(-1, -1, 8, -1)).byte().contiguous() * 255
    context = background.fit_background(er.Bernoulli((1, 8, 8)), InMemorySplit(x), window=3)
    with torch.no_grad():
        per_row = -context.pixel_log_prob(x.float() / 255).mean(0).sum(1)
    assert per_row[0].item() == pytest.approx(8 * math.log(2), rel=0.25)
    assert per_row[1:].max() < 1
    assert context(x.float() / 255).mean() > 2 * -8 * math.log(2)


def test_vectors_have_a_background_of_independent_elements():
    torch.manual_seed(0)
    x = torch.randn(2000, 3) * 0.5 + torch.tensor([-1.0, 0.0, 200.0])
    fitted = background.fit_background(er.Gaussian(3), InMemorySplit(x))
    with torch.no_grad():
        assert -fitted(x).mean().item() == pytest.approx(3 * stats.norm(0, 0.5).entropy(), abs=0.05)


def test_a_background_is_the_same_again_and_leaves_the_random_stream_alone(digits):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    a, b = (background.fit_background(er.Bernoulli(digits.shape), digits.train) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a.context_conv.weight, b.context_conv.weight)


@pytest.mark.parametrize("likelihood", ["bernoulli", "categorical", "gaussian", "continuous-bernoulli", "laplace"])
def test_the_background_has_the_values_of_the_model(digits, likelihood):
    family = er.likelihood(likelihood, digits.shape)
    pixel = background._pixel_family(family)
    assert (pixel.levels, pixel.support) == (family.levels, family.support)
    assert background.fit_background(family, digits.train)(digits.test.first(5).x).isfinite().all()


def test_scores_are_what_they_say(run, digits):
    found = {name: er.anomaly_scores(run, digits.test, name, samples=8) for name in SCORES}
    figures = er.evaluate(run, samples=8)
    assert found["elbo"].mean().item() == pytest.approx(-figures["elbo"].value, abs=1e-3)
    assert found["importance_bound"].mean().item() == pytest.approx(-figures["importance_bound"].value, abs=1e-3)
    assert (found["elbo"] >= found["reconstruction"]).all()
    assert found["typicality"].min() >= 0
    with open_reference(run, samples=8) as usual:
        p0 = usual.background(digits.test.first(1000).x).double().detach()
        elbos, ratios = usual.elbos, usual.ratios.detach()
    assert elbos.mean().item() == pytest.approx(er.evaluate(run, split="validation", samples=8)["elbo"].value, abs=1e-3)
    torch.testing.assert_close(found["typicality"], (-found["elbo"] - elbos.mean()).abs())
    torch.testing.assert_close(found["likelihood_ratio"], p0 + found["elbo"], atol=1e-4, rtol=0)
    states = ((elbos, -found["elbo"]), (ratios, found["likelihood_ratio"]))
    rarity = sum(-stats.gaussian_kde(usual.numpy()).logpdf(values.numpy()) for usual, values in states)
    np.testing.assert_allclose(found["density_of_states"], rarity, rtol=1e-3)


@pytest.mark.parametrize("name", ["elbo", "likelihood_ratio"])
def test_scores_are_the_same_in_any_batch_size_and_company(run, digits, name):
    together = er.anomaly_scores(run, digits.test, name, samples=3, batch_size=359)
    apart = er.anomaly_scores(run, digits.test, name, samples=3, batch_size=10)
    torch.testing.assert_close(together, apart, atol=1e-4, rtol=0)
    first = er.anomaly_scores(run, digits.test.x[:7], name, samples=3)
    torch.testing.assert_close(together[:7], first, atol=1e-4, rtol=0)


@pytest.mark.parametrize("recipe", list(er.recipes.RECIPES))
def test_every_recipe_is_scored_or_says_why_not(digits, recipe, monkeypatch):
    monkeypatch.setattr(background, "FIT_STEPS", 5)
    torch.manual_seed(0)
    model, _ = er.recipes.RECIPES[recipe](digits.shape)
    others = InMemorySplit(digits.test.x[:40].flip(-1), digits.test.y[:40])
    found = er.anomalies(model, others, normal=digits, samples=2, maps=3)
    assert "reconstruction" in found
    for name in SCORES:
        if name in found:
            assert found.results[name].normal.isfinite().all()
        else:
            with pytest.raises(ValueError, match="use 'reconstruction'"):
                er.anomaly_scores(model, digits.test, name, normal=digits, samples=2)
    assert model.training


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "laplace:0.5", "categorical", "diagonal-normal"])
def test_a_heat_map_adds_up_to_the_likelihood(digits, likelihood):
    torch.manual_seed(0)
    model = er.recipes.vae(digits.shape, latent=2, likelihood=likelihood)[0].eval()
    x = digits.test.first(4).x
    with er.noise.zero_noise(), torch.no_grad():
        log_px = model.draw(x).log_px[0]
    torch.testing.assert_close(pixel_nll(model, x).sum((1, 2)), -log_px, rtol=1e-4, atol=1e-3)


def test_a_ratios_heat_map_adds_up_to_the_ratio_at_the_posterior_mean(run, digits):
    with open_reference(run) as usual:
        maps = usual.heatmaps(digits.test.first(4))
        p0 = usual.background(maps.x).detach()
    torch.testing.assert_close(maps.log_ratio.sum((1, 2)), p0 + maps.nll.sum((1, 2)), rtol=1e-4, atol=1e-3)


def test_one_class_is_told_from_the_rest(digits, tmp_path):
    """Fit on the zeros alone; score them against all other digits."""
    zeros, test = digits.train.y == 0, digits.test
    data = er.load_data(digits.train.x[zeros].numpy(), test=test.x[test.y == 0].numpy())
    model, objective = er.recipes.vae(data.shape, latent=4, hidden=(100,))
    er.fit(model, objective, data, epochs=60, batch_size=32, lr=3e-3, out=tmp_path / "run", device="cpu")
    found = er.anomalies(model, test.x[test.y != 0].numpy(), normal=data, level=0.1)
    assert found["elbo"]["auroc"].value > 0.98
    assert found["elbo"]["found"].value > 0.8


def test_halves_of_the_normal_examples_judge_each_other(run):
    """Neither half is the other; the raw ELBO comes along with whatever is asked for."""
    found = er.anomalies(run, score="typicality", level=0.1)
    assert list(found) == ["elbo", "typicality"]
    assert set(found["elbo"]) == {"threshold", "false_positives"}
    one = found.results["elbo"]
    assert sorted([*one.normal[one.calibration_index], *one.held_out_scores]) == sorted(one.normal)
    assert len(one.calibration_index) == 179
    rate = found["elbo"]["false_positives"].value
    assert rate == (one.held_out_scores > found["elbo"]["threshold"].value).double().mean().item()


def test_other_data_is_made_binary_as_the_run_was(digits, tmp_path):
    data = er.load_data("digits", binarize="threshold")
    model, objective = er.recipes.vae(data.shape, latent=2)
    run = er.fit(model, objective, data, steps=5, out=tmp_path / "run", device="cpu")
    found = er.anomalies(run, "digits", samples=2, score="elbo")
    torch.testing.assert_close(found.results["elbo"].normal, found.results["elbo"].other)
    assert found["elbo"]["auroc"].value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, d: er.anomaly_scores(m, d.test, "ebo"), "did you mean 'elbo'"),
        (lambda m, d: er.anomaly_scores(m, d.test, "typicality"), "pass normal="),
        (lambda m, d: er.anomaly_scores(m, d, "elbo"), "give one of them, as load_data"),
        (lambda m, d: er.anomaly_scores(m, np.zeros((5, 9, 9)), "elbo"), "are 1x9x9, the model takes 1x8x8"),
        (lambda m, d: er.anomaly_scores(m, np.full((5, 8, 8), 7.5), "elbo"), "outside"),
        (lambda m, d: er.anomaly_scores(m, d.test, "elbo", samples=0), "at least 1"),
        (lambda m, d: er.anomaly_scores(m, d.test, normal=d, window=2), "expected an odd side"),
        (lambda m, d: er.anomalies(m, d.test), "pass normal="),
        (lambda m, d: er.anomalies(m, normal=d, split="tset"), "did you mean 'test'"),
        (lambda m, d: er.anomalies(m, normal=d, score="elbo", level=0.001), "at least 999 normal examples"),
    ],
)
def test_mistakes_are_one_line_of_advice(digits, call, words):
    torch.manual_seed(0)
    model = er.recipes.vae(digits.shape, latent=2)[0]
    with pytest.raises(ValueError, match=words.replace("(", r"\(")) as caught:
        call(model, digits)
    assert "\n" not in str(caught.value)


def test_the_command_prints_a_table_and_writes_scores_and_heat_maps(run, digits, tmp_path, monkeypatch, capsys):
    from PIL import Image

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    np.save("other.npy", digits.test.x[:60].flip(-1).numpy())
    assert main(["anomalies", str(run.path), "--data", "other.npy", "--out", "s.csv", "--heat-map", "h.png"]) == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if line.startswith(("elbo", "likelihood ratio"))]
    assert "359 normal, digits test; 60 others, other" in text
    assert "expected 0.0500 ±" in text
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text(encoding="utf-8").splitlines()))
    assert [sum(row["set"] == name for row in rows) for name in ("calibration", "normal", "other")] == [179, 180, 60]
    assert all((row["elbo_p"] == "") == (row["set"] == "calibration") for row in rows)
    assert Image.open("h.png").size[0] > 200
    scores = er.anomaly_scores(run, digits.test, "elbo")
    np.testing.assert_allclose([float(row["elbo"]) for row in rows[:359]], scores, rtol=1e-5)


def test_json_and_arrays_hold_the_same_figures(run, digits, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("other.npz", x=digits.test.x[:60].flip(-1).numpy())
    words = ["anomalies", str(run.path), "--data", "other.npz", "--score", "reconstruction", "--out", "s.npz", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["scores"]) == ["elbo", "reconstruction"]
    with np.load("s.npz") as arrays:
        normal, other = (arrays["elbo"][arrays["set"] == name] for name in ("normal", "other"))
        everything = arrays["elbo"][arrays["set"] != "other"]
    threshold = found["scores"]["elbo"]["threshold"]["value"]
    assert found["scores"]["elbo"]["false_positives"]["value"] == pytest.approx((normal > threshold).mean())
    assert found["scores"]["elbo"]["found"]["value"] == pytest.approx((other > threshold).mean())
    truth = [0] * 359 + [1] * 60
    assert found["scores"]["elbo"]["auroc"]["value"] == pytest.approx(
        roc_auc_score(truth, np.concatenate([everything, other]))
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "scores.txt"], "must end in .csv or .npz"),
        (["--heat-map", "no/such/h.png"], "there is no folder no/such"),
        (["--score", "ebo"], "did you mean 'elbo'"),
        (["--level", "2"], "between 0 and 1"),
        (["--data", "no-such.npy"], "no such file"),
    ],
)
def test_the_command_refuses_in_one_line(run, words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["anomalies", str(run.path), *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_the_false_positive_rate_on_held_out_digits_is_within_a_point(real_data, tmp_path):
    """Each of the two promises at once, on the data of the published figures."""
    data = er.load_data("fashion-mnist")
    model, objective = er.recipes.vae(data.shape)
    er.fit(model, objective, data, epochs=2, lr=3e-3, out=tmp_path / "run", device="cpu")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(background, "FIT_STEPS", 500)
    found = er.anomalies(model, "mnist", normal=data, samples=2, score=["typicality", "likelihood_ratio"])
    monkeypatch.undo()
    for figures in found.values():
        assert figures["false_positives"].value == pytest.approx(0.05, abs=0.01)
    assert found["elbo"]["auroc"].value < 0.6
    assert found["likelihood_ratio"]["auroc"].value > 0.98


def test_the_python_of_the_pages_runs(root, tmp_path, monkeypatch):
    """On the digits instead of MNIST, of which a class has fewer examples than a batch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path / "cache"))
    for page in ("anomalies", "judging-pictures"):
        text = (root / "docs" / f"{page}.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        assert blocks
        for code in blocks:
            code = code.replace('"mnist"', '"digits"').replace("lr=2e-3", "lr=2e-3, batch_size=32")
            code = code.replace("normal=data)", "normal=data, level=0.1)")
            exec(compile(code, page, "exec"), {"__name__": page})
    assert (tmp_path / "runs" / "only-8" / "model.safetensors").is_file()
