"""The table of published variants: complete, of recipes that there are, and as its generator writes it."""

import importlib.util
from pathlib import Path

import pytest

from elbowroom.recipes.registry import RECIPES

DOCS = Path(__file__).parents[2] / "docs"
#: The models of pythae 0.1.2, and HRQVAE of its main branch.
PYTHAE_MODELS = (
    *("AE", "Adversarial_AE", "BetaTCVAE", "BetaVAE", "CIWAE", "DisentangledBetaVAE", "FactorVAE", "HVAE", "HRQVAE"),
    *("INFOVAE_MMD", "IWAE", "MIWAE", "MSSSIM_VAE", "PIWAE", "PoincareVAE", "RAE_GP", "RAE_L2", "RHVAE", "SVAE", "VAE"),
    *("VAE_IAF", "VAE_LinNF", "VAEGAN", "VAMP", "VQVAE", "WAE_MMD"),
)
PYTHAE_SAMPLERS = (
    *("NormalSampler", "GaussianMixtureSampler", "TwoStageVAESampler", "VAMPSampler", "MAFSampler", "IAFSampler"),
    *("HypersphereUniformSampler", "PoincareDiskSampler", "RHVAESampler", "PixelCNNSampler"),
)
#: The models of PyTorch-VAE's package.
PYTORCH_VAE_MODELS = (
    *(
        "VanillaVAE",
        "GammaVAE",
        "BetaVAE",
        "WAE_MMD",
        "ConditionalVAE",
        "HVAE",
        "VampVAE",
        "IWAE",
        "DFCVAE",
        "MSSIMVAE",
    ),
    *("FactorVAE", "CategoricalVAE", "JointVAE", "InfoVAE", "LVAE", "LogCoshVAE", "SWAE", "MIWAE", "VQVAE"),
    *("BetaTCVAE", "DIPVAE", "TwoStageVAE"),
)
#: The models of MultiVae's main branch, and its samplers.
MULTIVAE_MODELS = (
    *("CMVAE", "CRMVAE", "CVAE", "DMVAE", "JMVAE", "JNF", "MHVAE", "MMVAE", "MMVAEPlus", "MoPoE", "MVAE", "MVTCAE"),
    *("Nexus", "TELBO", "GaussianMixtureSampler", "MAFSampler", "IAFSampler"),
)
PEERS = {
    "pythae": PYTHAE_MODELS + PYTHAE_SAMPLERS,
    "pytorch_vae": PYTORCH_VAE_MODELS,
    "multivae": MULTIVAE_MODELS,
}


@pytest.fixture(scope="module")
def variants():
    spec = importlib.util.spec_from_file_location("variants", DOCS / "variants.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_model_of_the_peers_is_missing(variants):
    facts = variants.read_facts()
    for column, names in PEERS.items():
        listed = {fact[column] for fact in facts}
        assert set(names) <= listed
        assert listed - {""} == set(names)


def test_every_recipe_has_a_row_and_every_row_recipes_that_there_are(variants):
    listed = [name for fact in variants.read_facts() for name in variants.recipes_of(fact)]
    own = {name for name, entry in RECIPES.items() if entry.__module__.startswith("elbowroom.recipes.")}
    assert set(listed) == own, "add the variant to docs/variants.csv, and run docs/variants.py"


def test_the_page_is_what_the_generator_writes(variants):
    assert (DOCS / "variants.md").read_text() == variants.render_page(variants.read_facts()), "run docs/variants.py"
