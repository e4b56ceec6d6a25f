"""Why a row is strange: shares of its columns against the likelihood, and words."""

import json

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.cli import main
from elbowroom.data import Column, InMemorySplit, load_undivided
from elbowroom.evaluation.anomaly.explanation import Explanation, explain_rows

pytestmark = pytest.mark.filterwarnings("ignore:.*training never saw")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run on a table whose second column follows from the first, and has a category."""
    folder = tmp_path_factory.mktemp("explanation")
    rng = np.random.default_rng(0)
    a = rng.normal(size=300)
    rows = [f"{v:.3f},{3 * v + 0.1 * rng.normal():.3f},{'high' if v > 0 else 'low'}" for v in a]
    (folder / "rows.csv").write_text("\n".join(["size,weight,class", *rows]) + "\n")
    (folder / "strange.csv").write_text("size,weight,class\n0.5,-6,high\n0.4,1.2,never\n0.5,1.5,high\n")
    data = er.load_data(folder / "rows.csv", label="")
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(16,), seed=0)
    settings = {"epochs": 12, "lr": 0.02, "batch_size": 64, "report": False, "progress": False, "device": "cpu"}
    er.fit(model, objective, data, out=folder / "run", **settings)
    return folder


def explain(run):
    """Return the explanation of the strange rows, and the model."""
    model, record = er.load(run / "run").eval(), er.Run(run / "run").record["data"]
    return model, explain_rows(model, load_undivided(run / "strange.csv", record).train, record)


def test_contributions_add_up_to_the_likelihood(run):
    model, explanation = explain(run)
    with torch.no_grad(), noise.zero_noise():
        log_px = model.draw(explanation.x).log_px[0]
    torch.testing.assert_close(-explanation.nll.sum(1), log_px, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(explanation.shares.sum(1), torch.ones(3))
    assert (explanation.surprise >= 0).all()


def test_a_missing_cell_has_no_share(run):
    model, explanation = explain(run)
    x = explanation.x.clone()
    x[:, 1] = torch.nan
    gaps = explain_rows(model, InMemorySplit(x), explanation.record)
    assert gaps.nll[:, 1].isnan().all()
    assert (gaps.shares[:, 1] == 0).all()


def test_the_strange_cell_is_named_with_what_was_expected(run):
    _, explanation = explain(run)
    assert explanation.columns == ("size", "weight", "class")
    assert explanation.shares[1].argmax() == 2
    assert "class = " in explanation.reasons(1)[1]
    assert explanation.surprise[0].sum() > 5 * explanation.surprise[2].sum()


def test_a_cell_beyond_the_training_rows_is_written_as_it_is():
    """Whole numbers and dates that the model makes stay in their range; those that were read are not cut to it."""
    columns = [Column("n", "number", mean=4, sd=2, decimals=0, low=0, high=9)]
    columns += [Column("on", "date", mean=10, sd=1, format="%Y-%m-%d", low=8, high=12)]
    far, one = torch.tensor([[3000.0, 500.0]]), torch.ones(1, 2)
    words = Explanation(("n", "on"), far, one, one, far, {"columns": columns}).reasons()
    assert words == ["n = 6004 (expected 9, 50 %), on = 1971-05-26 (expected 1970-01-13, 50 %)"]


def test_the_command_explains_rows(run, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    arguments = ["anomalies", str(run / "run"), "--data", str(run / "strange.csv"), "--explain", "2", "--level", "0.2"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "strangest rows, other, by neighbors" in text
    assert "the default for such data: neighbors" in text
    assert main([*arguments, "--json", "--score", "default"]) == 0
    strange = json.loads(capsys.readouterr().out)["strange"]["other"]
    assert [row["index"] for row in strange] == [1, 0]  # a category never seen, a weight that contradicts the size
    assert "class = a category never seen (expected" in strange[0]["why"]


def test_images_have_no_rows_to_explain(digits):
    model, _ = er.recipes.vae(digits.shape, latent=2)
    with pytest.raises(ValueError, match="not rows of a table: --heat-map is for images"):
        explain_rows(model.eval(), digits.test)


def test_a_row_that_is_strange_by_a_little_everywhere_has_a_reason_too():
    columns, one = tuple("abcdefghijklmnopqrstuvwxyz"), torch.ones(2, 26)
    surprise = torch.stack([torch.arange(26.0) + 100, torch.zeros(26)])
    spread, nothing = Explanation(columns, one, one, surprise, one).reasons(count=2)
    assert spread == "spread over 26 columns, most by z = 1 (expected 1, 4 %), y = 1 (expected 1, 4 %)"
    assert nothing == "every value is as expected"
