"""The command line as a whole: lists, help, and one line for every mistake."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import elbowroom as er
from elbowroom.cli import main
from tests.cli.conftest import QUICK

#: Data with five attributes of each example, quick to draw.
SHAPES = ("--data", "shapes", "--resize", "16")


def test_lists(run, capsys):
    assert main(["recipes"]) == 0
    out = capsys.readouterr().out
    for name in er.recipes.RECIPES:
        assert name in out
    assert main(["data"]) == 0
    assert "fashion-mnist" in capsys.readouterr().out
    assert main(["runs", str(run.parent)]) == 0
    out = capsys.readouterr().out
    assert "first" in out
    assert "finished" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tarin", "vae"], "unknown command 'tarin': did you mean 'train'"),
        (["train", "bvae"], "unknown recipe 'bvae': did you mean 'vae'"),
        (["train", "--data", "digits"], "the recipe comes first, as in 'elbowroom train vae --data …'"),
        (["train", "vae", "--latnet", "2"], "No such option.*--latnet.*--latent"),
        (["train", "vae", "--latent"], "'--latent' requires an argument: 'elbowroom train vae --help' lists"),
        (["export", "RUN", "--onnx"], "'--onnx' requires an argument: 'elbowroom export --help' lists"),
        (["lab", "semisupervised", "--labels"], "requires an argument: 'elbowroom lab semisupervised --help' lists"),
        (["sweep", "vae", "--latent"], "'--latent' requires an argument: 'elbowroom sweep vae --help' lists"),
        (["--foo"], "No such option.*--foo.*: 'elbowroom --help' lists"),
        (["train", "vae", "--pairs", "nonsense"], "--pairs is for recipes that learn from pairs, .* vae does not"),
        (["train", "vae", "--latent", "two"], "--latent.*'two' is not a valid integer"),
        (["train", "vae", "--hidden", "4,x"], "--hidden.*not a list of whole numbers"),
        (["train", "vae", "--latent", "0"], r"recipe vae\(latent=0\): .*at least 1, got"),
        (["train", "vae", "--latent", "-3"], r"recipe vae\(latent=-3\): .*at least 1, got"),
        (["train", "beta_vae", "--latent", "-3"], r"^elbowroom: recipe beta_vae\(latent=-3\): Diag.*at least 1, got"),
        (["train", "gamma_vae", "--latent", "-3"], "'--latent': -3 is not in the range x>=1"),
        (["train", "beta_vae", "--beta", "-3"], "'--beta': -3.0 is not in the range x>=0"),
        (["train", "vq_vae", "--dim", "0"], r"recipe vq_vae\(dim=0\): .*at least 1, got"),
        (["train", "vae", "--hidden", "0"], "hidden widths must be at least 1"),
        (["train", "vae", "--activation", "rellu"], "unknown activation 'rellu': did you mean 'relu'"),
        (["train", "vae", "--likelihood", "bernouli"], "did you mean 'bernoulli'"),
        (["train", "vae", "--data", "mnits"], "unknown data set 'mnits': did you mean 'mnist'"),
        (["train", "vae", "--data", "no/such/place"], "no such file or folder"),
        (["train", "vae", "--batch-size", "5000"], "batch size 5000 is larger than the 1258 training examples"),
        (["train", "vae", "--epochs", "0"], "--epochs.*0 is not in the range x>=1"),
        (["train", "vae", "--epochs", "1", "--steps", "1"], "both epochs"),
        (["train", "vae", "--lr", "-1"], "learning rate must be above 0"),
        (["train", "vae", "--lr", "inf"], "--lr.*'inf' is not a finite number"),
        (["train", "beta_vae", "--beta", "nan"], "--beta.*'nan' is not a finite number"),
        (["train", "factor_vae", "--gamma", "nan"], "--gamma.*'nan' is not a finite number"),
        (["train", "vae", "--validation", "nan"], "--validation.*'nan' is not a finite number"),
        (["train", "vae", "--seed", "-1"], "--seed.*-1 is not in the range 0<=x<=4294967295"),
        (["sample", "nowhere", "--seed", "4294967296", "--out", "x.png"], "--seed.*is not in the range 0<=x<="),
        (["evaluate", "nowhere", "--seed", "-1"], "--seed.*-1 is not in the range 0<=x<=4294967295"),
        (["train", "vae", "--data", ""], "no data named: give a name"),
        (["train", "vae", "--optimizer", "adm"], "did you mean 'adam'"),
        (["train", "vae", "--device", "gpu"], "no device 'gpu' on this machine: choose from cpu"),
        (["train", "vae", "--device", "cuda:9"], "no device 'cuda:9'"),
        (["train", "vae", "--watch", "tests"], "unknown watch 'tests': did you mean 'test'"),
        (["train", "vae", "--validation", "1.0"], "nothing to train on|expected a fraction"),
        (["train", "vae", "--validation", "some"], "neither a count of examples nor a fraction"),
        (["train", "vae", "--k", "0"], "k, the samples per example, must be at least 1"),
        (["train", "iwae", "--k", "0"], "k, the samples per example, must be at least 1"),
        (["train", "ladder_vae", "--hidden", "10"], "5 latents need 5 hidden widths, got 1"),
        (["train", "ladder_vae", "--hidden", "16,8,4", "--latent", "8,4"], "2 latents need 2 hidden widths, got 3"),
        (["train", "ladder_vae", "--latent", "none"], "a ladder needs at least one latent, got none"),
        (["train", "ladder_vae", "--latent", "7,6,5,4,3,2"], "6 latents need 6 hidden widths, got 5"),
        (["train", "ladder_vae", "--warmup", "0"], "a ramp needs at least 1 step"),
        (["train", "vq_vae", "--codes", "1"], "at least 2 codes"),
        (["train", "vamp_vae", "--components", "0"], "at least 1 pseudo-input"),
        (["train", "vae", "--config", "none.toml"], "cannot read --config none.toml"),
        *(
            (["train", recipe, "--data", "shapes", "--resize", "16"], "one class of each example, .* are 5 values of")
            for recipe in ("m2", "m1_m2")
        ),
        *((["train", recipe, "--data", "UNLABELLED"], "has none: give") for recipe in ("m2", "m1_m2", "ccvae")),
        *(
            (["train", recipe, "--labels", "5"], "digits has 10 classes, and the model was made for 5")
            for recipe in ("m2", "m1_m2", "ccvae")
        ),
        *(
            (["train", recipe, "--data", "UNLABELLED"], "has n.*: give data with")
            for recipe in ("s2_vae", "triplet_vae")
        ),
        *(
            (["train", "s2_vae", "--latent", "20", "--factors", n], f"10 classes, .* made for {n}: .* --factors 10")
            for n in ("5", "12")
        ),
        (["train", "s2_vae", *SHAPES, "--factors", "4"], "are 5 factors, .* made for 4: .* --factors 5"),
        (["train", "s2_vae", "--latent", "8"], "each of 10 factors takes a latent: latent must be at least 10, got 8"),
        (["train", "ccvae", *SHAPES, "--labels", "6"], "labels of 5 values, .* made for 6: .* --labels 5"),
        (["train", "cvae", *SHAPES, "--labels", "6"], "labels of 5 values, .* made for 6: .* --labels 5"),
        (["train", "cvae", "--labels", "5"], "digits has 10 classes, and the model was made for 5"),
        (["train", "triplet_vae", *SHAPES], "triplets need two classes at least, and shapes has values of each"),
        (["train", "triplet_vae", "--only", "3"], "triplets need two classes at least, and digits has one class alone"),
        (
            ["train", "vae", "--sampler", "riemannian"],
            "'riemannian' needs a metric of latents .*: take one of standard, gaussian",
        ),
        (["train", "vae", "--sampler", "pixelcnn"], "'pixelcnn' needs .*, which this model has not"),
        (["train", "vq_vae", "--sampler", "mixture:5"], "'mixture:5' needs latents that are numbers, .* take one of"),
        (["train", "vae", "--sampler", "prior"], "the prior comes with the model: there is nothing to fit"),
        (["train", "vae", "--sampler", "mixture:2000"], "needs at least 2020 training examples .* there are 1258"),
        (["evaluate", "nowhere"], "nowhere holds no run"),
        (["resume", "nowhere"], "nowhere holds no run"),
        (["runs", "nowhere"], "no folder nowhere"),
        (["sample", "nowhere", "--out", "x.png"], "nowhere holds no run"),
        (["sample", "nowhere"], "Missing option.*--out"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(arguments, words, error_line, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    unlabelled = tmp_path / "unlabelled.npy"
    np.save(unlabelled, np.random.default_rng(0).random((40, 5), dtype=np.float32))
    assert re.search(words, error_line(*(str(unlabelled) if one == "UNLABELLED" else one for one in arguments)))
    assert not list((tmp_path / "work").iterdir())


def test_a_missing_label_is_asked_for_by_the_flag_of_the_subcommand(error_line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("unlabelled.npy", np.random.default_rng(0).random((40, 5), dtype=np.float32))
    line = error_line("train", "cvae", "--data", "unlabelled.npy", "--steps", "1", "--batch-size", "4")
    assert line.endswith("give it labels, with the data or as --label LABEL\n")


def write_images(folder, n=30, size=(8, 8)):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
    return folder


def test_mistakes_in_ones_own_data(error_line, tmp_path):
    out = tmp_path / "run"

    def train(path, *more):
        return error_line("train", "vae", "--data", path, "--steps", "1", "--batch-size", "4", *more, "--out", out)

    (tmp_path / "empty").mkdir()
    assert "no images in" in train(tmp_path / "empty")
    damaged = write_images(tmp_path / "damaged")
    (damaged / "004.png").write_bytes((damaged / "004.png").read_bytes()[:80])
    (damaged / "009.png").write_text("not a picture")
    line = train(damaged)
    assert "2 of 30 images" in line
    assert "004.png (cut short)" in line
    assert "009.png (not an image)" in line
    mixed = write_images(tmp_path / "mixed")
    Image.new("L", (9, 9)).save(mixed / "x.png")
    line = train(mixed)
    assert "2 sizes" in line
    assert "--resize" in line
    x = np.random.default_rng(0).random((40, 5)).astype(np.float32)
    x[7, 2] = np.nan
    np.save(tmp_path / "nan.npy", x)
    line = train(tmp_path / "nan.npy")
    assert "NaN or infinite" in line
    assert "index 7" in line
    x[7, 2] = 1.7
    np.save(tmp_path / "range.npy", x)
    line = train(tmp_path / "range.npy", "--validation", "0")
    assert re.search(r"value 1.7 in (row|example) 7\b", line)
    assert "outside [0, 1]" in line
    assert "--likelihood gaussian" in line
    with zipfile.ZipFile(tmp_path / "broken.zip", "w") as archive:
        archive.writestr("a.png", b"x" * 100)
    whole = (tmp_path / "broken.zip").read_bytes()
    (tmp_path / "broken.zip").write_bytes(whole[:60])
    assert "broken.zip is not a whole .zip file" in train(tmp_path / "broken.zip")
    assert not out.exists()


def test_mistakes_with_a_run(run, error_line, tmp_path):
    assert "already holds a run" in error_line("train", "vae", "--steps", "1", "--out", run)
    assert "is finished" in error_line("resume", run)
    assert "has no split 'tests' (did you mean 'test'?)" in error_line("evaluate", run, "--split", "tests")
    assert "samples" in error_line("evaluate", run, "--samples", "0")
    assert "has 3 numbers; this model's latents have 2" in error_line(
        "sample", run, "--z", "0,0; 1,2,3", "--out", "x.png"
    )
    assert "is not numbers" in error_line("sample", run, "--z", "0,a", "--out", "x.png")
    for code in ("nan,0", "inf,0"):
        assert f"latent 1, '{code}', is not finite" in error_line("sample", run, "--z", code, "--out", "x.png")
    assert "both -n 5 and --z" in error_line("sample", run, "--z", "0,0", "-n", "5", "--out", "x.png")
    assert "holds no latent" in error_line("sample", run, "--z", ";", "--out", "x.png")
    assert "must end in .png" in error_line("sample", run, "--out", "x.gif")
    assert "there is no folder" in error_line("sample", run, "--out", tmp_path / "no" / "x.png")
    assert "-n must be at least 1" in error_line("sample", run, "-n", "0", "--out", "x.png")
    assert "no such file or folder" in error_line("reconstruct", run, "--input", "gone.png", "--out", "x.png")
    assert "has no split 'tests' (did you mean 'test'?)" in error_line(
        "reconstruct", run, "--split", "tests", "--out", "x.png"
    )
    wide = tmp_path / "wide.png"
    Image.new("L", (9, 8)).save(wide)
    assert "--resize 8,8" in error_line("reconstruct", run, "--input", wide, "--out", "x.png")
    np.save(tmp_path / "wide.npy", np.zeros((3, 9, 8)))
    line = error_line("reconstruct", run, "--input", tmp_path / "wide.npy", "--out", "x.png")
    assert "holds examples of 1x9x8, the model takes 1x8x8: give examples of 1x8x8" in line
    assert "no data named" in error_line("reconstruct", run, "--input", "", "--out", "x.png")
    assert not Path("x.png").exists()


def test_weights_cut_short_or_another_recipes(run, error_line, tmp_path):
    short = shutil.copytree(run, tmp_path / "short")
    weights = short / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "is cut short or damaged" in error_line("evaluate", short)
    other = shutil.copytree(run, tmp_path / "other")
    assert main(["train", "beta_vae", "--latent", "3", *QUICK, "--out", str(tmp_path / "beta")]) == 0
    shutil.copy(tmp_path / "beta" / "model.safetensors", other / "model.safetensors")
    assert "belongs to another model" in error_line("evaluate", other)
    (other / "model.safetensors").unlink()
    assert "no weights at" in error_line("sample", other, "--out", "x.png")
    (other / "recipe.json").write_text("{")
    assert "not readable as JSON" in error_line("evaluate", other)


def test_an_out_that_cannot_be_written(error_line, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "cannot write the run" in error_line("train", "vae", "--steps", "1", "--out", tmp_path / "file" / "run")
    assert "cannot write the run" in error_line("train", "vae", "--steps", "1", "--out", tmp_path / "file")
    for name in ("checkpoints", "images"):
        (tmp_path / f"with-{name}").mkdir()
        (tmp_path / f"with-{name}" / name).write_text("in the way")
        line = error_line("train", "vae", "--steps", "1", "--out", tmp_path / f"with-{name}")
        assert f"holds other files ({name})" in line
        assert [p.name for p in (tmp_path / f"with-{name}").iterdir()] == [name]


def test_resume_on_another_device(error_line, run):
    assert "no device 'cuda:9'" in error_line("resume", run, "--device", "cuda:9")


def test_help_imports_no_torch():
    """What makes ``import elbowroom`` and ``elbowroom --help`` quick, without a clock."""
    for arguments in (["--help"], ["train", "--help"], ["train", "vae", "--help"], ["recipes"]):
        code = (
            "import sys; from elbowroom.cli import main; code = main(sys.argv[1:]); "
            "heavy = {'torch', 'numpy', 'matplotlib', 'sklearn', 'PIL'} & set(sys.modules); "
            "sys.exit(f'imported {heavy}' if heavy or code else 0)"
        )
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "vae" in done.stdout


def test_no_arguments_is_help(capsys):
    assert main([]) == 2
    assert "Train, evaluate and sample" in capsys.readouterr().out
