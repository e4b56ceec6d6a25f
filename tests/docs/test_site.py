"""The documentation's site: pages that are made from the code say what the code does, and all of it builds."""

import os
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import elbowroom as er
from elbowroom.cli import main
from elbowroom.cli.main import commands

#: The most that the site may weigh.
MAX_BYTES = 30_000_000


@pytest.fixture(scope="module")
def pages(root):
    """The pages that are made from the code, by path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "docs"))
        from site_pages import command_pages, recipe_pages, reference_pages
    return dict(page for module in (recipe_pages, command_pages, reference_pages) for page in module.render_pages())


def test_every_recipe_command_and_public_name_has_its_place(pages):
    assert {f"zoo/{name}.md" for name in er.recipes.RECIPES} <= set(pages)
    assert {f"commands/{name}.md" for name in commands.commands} <= set(pages)
    reference = "".join(text for path, text in pages.items() if path.startswith("reference/"))
    for name in ("Adversarial", "load_data", "fit", "Gaussian", "Down"):
        assert re.search(rf"^\.\. auto\w+:: elbowroom\.{name}$", reference, re.MULTILINE)


def test_the_page_of_a_recipe_has_its_source_loss_and_arguments(pages):
    page = pages["zoo/beta_vae.md"]
    assert "\n> reconstruction + 4·KL\n" in page
    assert "openreview Sy2fzU9gl" in page
    assert "| `--beta` | `beta` | `4.0` | weight of the KL; 1 is the VAE |" in page
    assert "[arXiv 1802.05983](https://arxiv.org/abs/1802.05983)" in pages["zoo/factor_vae.md"]
    assert "images (C, H, W)" in pages["zoo/vae_gan.md"]


def test_the_page_of_a_command_has_its_usage_and_flags(pages):
    page = pages["commands/sample.md"]
    assert "elbowroom sample [OPTIONS] RUN" in page
    for option in commands.commands["sample"].params:
        if option.param_type_name == "option":
            assert f"| `{option.opts[0]}" in page
    assert r"[final\|best\|checkpoint]" in page
    assert "elbowroom train vae [OPTIONS]" in pages["commands/train.md"]


def test_formulas_are_mathml(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "docs"))
    nodes = pytest.importorskip("docutils.nodes")
    pytest.importorskip("latex2mathml")
    from site_pages import mathml

    writer = SimpleNamespace(body=[])
    formula = r"a &= b \\ c &= \frac{1}{2}"
    with pytest.raises(nodes.SkipNode):
        mathml.visit_displaymath(writer, nodes.math_block(formula, formula))
    assert writer.body[0].count("<math") == 2
    assert "<mfrac>" in writer.body[0]
    assert "&amp;" not in writer.body[0]


def test_figures_of_the_zoo_are_means_over_its_rows(root, monkeypatch):
    """A figure that a row has none of is left out; the best by each aim stand first."""
    monkeypatch.syspath_prepend(str(root / "docs"))
    from site_pages import zoo_figures

    common = {"classic_steps": 7000, "findings": [], "audit": [], "likelihood": "bernoulli"}
    vae = [common | {"recipe": "vae", "elbo": elbo, "importance_bound": -98.0, "kl": None} for elbo in (-101.0, -102.0)]
    beta = [common | {"recipe": "beta_vae", "importance_bound": -110.0, "findings": ["unused dimensions"]}]
    gan = [common | {"recipe": "vae_gan", "importance_bound": 5.0, "likelihood": "gaussian:1"}]
    table = zoo_figures.render_table({"vae_gan": gan, "beta_vae": beta, "vae": vae})
    lines = [line for line in table.splitlines() if line.startswith("| [`")]
    assert lines[0].startswith("| [`vae`](vae.md) | −101.50 ± 0.71 | −98.00 ± 0.00 |  |")
    assert lines[1].endswith("|  | unused dimensions |  |")
    assert lines[2].startswith("| [`vae_gan`](vae_gan.md)"), "a density of bits is no probability, and comes last"
    assert lines[2].endswith("| gaussian:1 |  |  |")
    assert "| the closest bound of log p(x) | [`vae`](vae.md) (−98.00), [`beta_vae`](beta_vae.md) (−110.00) |" in table


def build_site(root, tmp_path, builder):
    """Return the folder of the site; a warning fails."""
    pytest.importorskip("sphinx")
    site, parsed = tmp_path / "site", tmp_path / "parsed"
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", builder, "-d", str(parsed)]
    build += [str(root / "docs"), str(site)]
    done = subprocess.run(build, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return site


@pytest.mark.slow
def test_the_site_is_read_without_a_warning(root, tmp_path):
    """Every link between pages leads somewhere, and every docstring is well formed."""
    build_site(root, tmp_path, "dummy")


@pytest.mark.slow
@pytest.mark.exhaustive  # two minutes
def test_the_site_is_small_and_loads_nothing_from_elsewhere(root, tmp_path):
    site = build_site(root, tmp_path, "html")
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MAX_BYTES
    assert (site / "searchindex.js").is_file()
    for page in ("index", "what-a-vae-is", "generated/zoo/vae", "generated/reference/objectives"):
        text = (site / f"{page}.html").read_text(encoding="utf-8")
        assert not re.search(r'<(script|link|img)[^>]* (src|href)="(https?:)?//', text), page
    assert "<math" in (site / "what-a-vae-is.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.report
@pytest.mark.sampler
def test_the_first_page_runs(root, tmp_path, monkeypatch, digits):
    """Its commands in their order, on a folder of digits and a table; few steps where it trains for minutes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FOLDER").mkdir()
    for i, image in enumerate(digits.train.first(200).x):
        Image.fromarray((image[0].numpy() * 255).astype(np.uint8)).resize((64, 64)).save(tmp_path / f"FOLDER/{i}.png")
    rows = "\n".join(f"{i % 7},{'ab'[i % 2]}" for i in range(60))
    (tmp_path / "customers.csv").write_text(f"orders,kind\n{rows}\n")
    text = (root / "docs" / "start.md").read_text(encoding="utf-8")
    for language, code in re.findall(r"^```(python|bash)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language == "python":
            exec(compile(code.replace("epochs=60", "epochs=3"), "start.md", "exec"), {"__name__": "start"})
            continue
        for line in (line.partition("#")[0].strip() for line in code.replace("\\\n", " ").splitlines()):
            if line.startswith("elbowroom") and line != "elbowroom studio":
                line = line.replace("--epochs 60", "--epochs 3")
                short = " --steps 3 --batch-size 4" if " train " in line and "digits" not in line else ""
                assert main(shlex.split(line + short)[1:]) == 0, line
    assert (tmp_path / "new-faces.png").is_file()
    assert (tmp_path / "runs" / "first" / "report.html").is_file()
