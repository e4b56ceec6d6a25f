"""The head of a report: its sentence and its metrics are the run's own."""

import shutil

import pytest

from elbowroom.plotting import RunView
from elbowroom.reporting.summary import summary_sentence
from tests.reporting.page import read_report


@pytest.mark.parametrize("name", ["vae", "factor_vae", "autoencoder"])
def test_its_numbers_are_those_of_the_metrics(runs, name):
    run, page = runs(name), read_report(runs(name))
    last = run.metrics("test")[-1]
    headline, *values = [text.replace("−", "-") for text in page.texts["dd"][::2]]
    best = min(run.metrics("validation"), key=lambda row: row["loss"])
    assert headline == f"{best.get('elbo', best['loss']):.2f}"
    name = "ELBO" if "elbo" in best else "loss"
    assert f"Best validation {name}" in page.words, "the number that every page shows first, with its split"
    names = ["elbo", "reconstruction", "kl"] if "elbo" in last else ["loss", "reconstruction"]
    assert values[: len(names)] == [f"{last[key]:.2f}" for key in names]
    assert f"mean over {last['examples']:,} test examples, epoch 2" in page.words
    loss = page.data["charts"][0]
    for line in loss["lines"]:
        rows = run.metrics(line["name"])
        assert line["x"] == [row["step"] for row in rows]
        assert line["y"] == pytest.approx([row["loss"] for row in rows], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("beta_vae", "A beta_vae (Higgins et al. 2017) with a latent of 3 dimensions and "),
        ("iwae", "An iwae (Burda, Grosse & Salakhutdinov 2016) with a latent of 3 dimensions and "),
        ("ladder_vae", "A ladder_vae (Sønderby et al. 2016) with 2 latents, the uppermost of 3 dimensions, and "),
        ("autoencoder_kl", "Rombach et al. 2022) with a latent of 64 dimensions (4×4×4) and "),
        (
            "vq_vae",
            "A vq_vae (van den Oord, Vinyals & Kavukcuoglu 2017) with 3 codes of 3 numbers, each one of 8, and ",
        ),
    ],
)
def test_it_begins_with_a_sentence(runs, name, words):
    run = runs(name)
    text = summary_sentence(RunView(run))
    assert words + f"{run.record['parameters']:,} parameters, trained on the 1,258 training examples of digits" in text
    assert "for 2 epochs, 20 steps, in " in text
    if name == "beta_vae":
        assert text in read_report(run).words


def test_an_unfinished_run_is_called_that(runs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(runs("vae").path, copy)
    lines = (copy / "metrics.jsonl").read_text().splitlines()
    (copy / "metrics.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    assert "It has not finished." in read_report(copy).words
    (copy / "metrics.jsonl").write_text("")
    assert read_report(copy).data["charts"][0]["lines"] == []
