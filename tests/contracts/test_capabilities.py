"""Contract of every recipe: what its model says it can, in a table, and that it does so; and nobody asks otherwise."""

import ast
from collections.abc import Iterator

import pytest
import torch

import elbowroom as er
from elbowroom import models
from elbowroom.distributions import Delta, Quantized
from elbowroom.models.base import GenerativeModel
from elbowroom.recipes.registry import RECIPES
from tests.contracts.sources import parse_package

SHAPE = (1, 8, 8)
N_CLASSES = 10
CAPABILITIES = (
    "has_prior",
    "has_standard_prior",
    "is_conditional",
    "requires_labels",
    "is_quantized",
    "has_point_posterior",
    "is_classifier",
)
STANDARD = {"has_prior", "has_standard_prior"}
QUANTIZED = {"has_prior", "is_quantized"}
OTHER_PRIOR = {"has_prior"}
#: What the model of each recipe of the package says of itself; a recipe not listed is like ``vae``.
TABLE = {
    "aae": STANDARD | {"has_point_posterior"},
    "autoencoder": {"has_point_posterior"},
    "conv_cvae": {"has_prior", "is_conditional", "requires_labels"},
    "cvae": STANDARD | {"is_conditional", "requires_labels"},
    "rae_gp": {"has_point_posterior"},
    "rae_l2": {"has_point_posterior"},
    **dict.fromkeys(("cat_vae", "joint_vae", "dvae"), OTHER_PRIOR),
    "ccvae": OTHER_PRIOR | {"is_classifier"},
    "swae": STANDARD | {"has_point_posterior"},
    **dict.fromkeys(("vade", "prod_lda", "vaeac", "hi_vae"), OTHER_PRIOR),
    "wae_gan": STANDARD | {"has_point_posterior"},
    "wae_mmd": STANDARD | {"has_point_posterior"},
    **dict.fromkeys(("m2", "m1_m2"), STANDARD | {"is_conditional", "is_classifier"}),
    **dict.fromkeys(
        ("vamp_vae", "exemplar_vae", "hvamp_vae", "gm_vae", "lars_vae", "energy_vae", "delta_vae", "flow_prior_vae"),
        OTHER_PRIOR,
    ),
    **dict.fromkeys(
        ("hyperspherical_vae", "poincare_vae", "toroidal_vae", "gamma_vae", "dirichlet_vae", "t3_vae"), OTHER_PRIOR
    ),
    **dict.fromkeys(
        ("quantized_vae", "vq_vae", "rq_vae", "hrq_vae", "sq_vae", "fsq_vae", "lfq_vae", "qlae", "vqgan", "vq_vae_2"),
        QUANTIZED,
    ),
}


# Of the whole file: no test changes a model, and these are of the recipes' own sizes.
@pytest.fixture(params=list(RECIPES), scope="module")
def model(request: pytest.FixtureRequest) -> GenerativeModel:
    torch.manual_seed(0)
    recipe = RECIPES[request.param]
    is_mlp = "network" in recipe.arguments and recipe.arguments["network"].default == "mlp"
    sizes = {"size": "s"} if "size" in recipe.arguments and not is_mlp else {}
    return recipe(SHAPE, **sizes)[0].eval()


def stated_capabilities(model: GenerativeModel) -> set[str]:
    return {name for name in CAPABILITIES if getattr(model, name)}


def labels(model: GenerativeModel, n: int) -> torch.Tensor | None:
    return torch.arange(n) % model.condition_size if model.requires_labels else None


def test_the_table_of_capabilities(model: GenerativeModel) -> None:
    assert stated_capabilities(model) == TABLE.get(model.recipe_call.recipe, STANDARD)


def test_it_needs_labels_if_and_only_if_it_says_so(model: GenerativeModel) -> None:
    z = torch.zeros(3, *model.latent_shape)
    if model.requires_labels:
        with pytest.raises(ValueError, match="this model is conditional: give it labels"):
            model.decode(z)
    else:
        model.decode(z)
    assert (model.condition_size > 0) == model.is_conditional
    assert model.is_conditional or not model.requires_labels


def test_its_output_depends_on_labels_if_and_only_if_it_says_so(model: GenerativeModel) -> None:
    z, c = torch.zeros(2, *model.latent_shape), torch.tensor([0, 1])
    if model.is_conditional:
        x = model.sample(z=z, c=c)
        assert not torch.equal(x[0], x[1])
        return
    x = torch.rand(2, *SHAPE)
    assert torch.equal(model.reconstruct(x, c), model.reconstruct(x))  # the labels of a batch
    for use in (
        lambda: model.sample(z=z, c=c),
        lambda: model.sample(2, c),
        lambda: model.decode(z, c),
        lambda: model.encode(x, [0, 1]),
        lambda: model.reconstruct(x, "7"),
        lambda: model.draw_reconstructions(x, 7),
    ):
        with pytest.raises(ValueError, match="not conditional, and would change nothing: leave it out"):
            use()


def test_samples_are_means_or_draws_as_asked_and_by_its_kind_by_default(model: GenerativeModel) -> None:
    z, c = torch.zeros(2, *model.latent_shape), labels(model, 2)
    torch.manual_seed(0)
    mean, again, drawn = (model.sample(z=z, c=c, draw=draw) for draw in (False, False, True))
    assert torch.equal(mean, again)
    assert not torch.equal(mean, drawn)
    assert model.samples_are_draws == model.is_autoregressive
    torch.manual_seed(1)
    default = model.sample(z=z, c=c)
    torch.manual_seed(1)
    assert torch.equal(default, model.sample(z=z, c=c, draw=model.samples_are_draws))
    x = torch.rand(2, *SHAPE)
    assert model.draw_reconstructions(x, c, k=3).shape == (3, 2, *SHAPE)


def test_it_draws_from_a_prior_if_and_only_if_it_says_so(model: GenerativeModel) -> None:
    c = labels(model, 4)
    if not model.has_prior:
        assert model.latent_prior(c) is None
        with pytest.raises(ValueError, match="no prior to sample from"):
            model.sample(4, c)
        return
    torch.manual_seed(1)
    z = model.draw_prior(4, c)
    assert z.shape == (4, *model.latent_shape)
    prior = model.latent_prior(c)
    assert prior is not None
    assert prior.batch_shape == ((4,) if model.requires_labels else ())
    torch.manual_seed(1)
    torch.testing.assert_close(prior.sample(() if model.requires_labels else (4,)), z, rtol=0, atol=0)
    assert tuple(prior.event_shape) == tuple(model.latent_shape)


def test_a_standard_prior_is_the_standard_normal(model: GenerativeModel) -> None:
    if model.has_prior:
        z = torch.randn(1, *model.latent_shape)
        log_density = torch.distributions.Normal(0, 1).log_prob(z).sum()
        is_standard = torch.allclose(model.latent_prior(labels(model, 1)).log_prob(z).sum(), log_density)
        assert is_standard == model.has_standard_prior


def test_the_posterior_is_what_it_says(model: GenerativeModel) -> None:
    x = torch.rand(3, *SHAPE)
    q = model.posterior(x, labels(model, 3))
    assert isinstance(q, Quantized) == model.is_quantized
    assert isinstance(q, Delta) == bool(model.no_density_reason)
    assert q.batch_shape[-1] == 3
    assert tuple(q.event_shape) == tuple(model.latent_shape)
    torch.testing.assert_close(q.mean.reshape(3, *model.latent_shape), model.encode(x, labels(model, 3)))


def test_the_latents_are_those_of_a_draw(model: GenerativeModel) -> None:
    draw = model.draw(torch.rand(3, *SHAPE), labels(model, 3))
    continuous = [shape for name, shape in model.latents.items() if name != "y"]
    assert [tuple(latent.z.shape[2:]) for latent in draw.latents] == [tuple(shape) for shape in continuous]
    assert continuous[-1] == tuple(model.latent_shape)


def test_it_classifies_if_and_only_if_it_says_so(model: GenerativeModel) -> None:
    x = torch.rand(3, *SHAPE)
    if model.is_classifier:
        torch.testing.assert_close(model.log_qy(x).exp().sum(-1), torch.ones(3))
    else:
        with pytest.raises(ValueError, match="does not classify"):
            model.log_qy(x)


def test_it_clusters_if_and_only_if_it_says_so(model: GenerativeModel) -> None:
    x = torch.rand(3, *SHAPE)
    if model.n_clusters:
        shares = model.cluster(x)
        assert shares.shape == (3, model.n_clusters)
        torch.testing.assert_close(shares.sum(-1), torch.ones(3))
    else:
        with pytest.raises(ValueError, match="does not cluster"):
            model.cluster(x)


def test_it_states_the_numbers_that_its_prior_keeps(model: GenerativeModel) -> None:
    prior = dict(model.named_children()).get("prior")
    assert model.prior_numbers_per_latent == (prior.numbers_per_latent if prior is not None else 1)


class OwnModel(er.GenerativeModel):
    """A model of a user, with what the base class demands and a way of its own to draw from its prior."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = er.Conditional.mlp(2, er.Bernoulli(SHAPE))
        self.latent_shape = (2,)

    def draw(self, x, c=None, k=1):
        raise NotImplementedError

    def draw_prior(self, n, c=None):
        return torch.zeros(n, 2)

    def decode(self, z, c=None):
        return self.decoder(z)


def test_a_model_of_ones_own_can_what_the_base_class_says() -> None:
    model = OwnModel()
    assert stated_capabilities(model) == {"has_prior"}
    assert model.latents == {"z": (2,)}
    assert model.latent_prior() is None
    assert model.sample(3).shape == (3, *SHAPE)


#: Where any module may come in, which has no capabilities to ask for: (file, attribute).
FOREIGN_MODULES = {("auditor/leak.py", "decode"), ("auditor/claim.py", "decode")}
MODEL_NAMES = {"model", "module", "vae", "prior", "encoder", "decoder"}
PARTS = set(models.__all__) - {"GenerativeModel", "Draw", "Latent"}


def last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def probes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of what is asked of a model by getattr, hasattr or isinstance, outside asserts."""
    nodes = list(ast.walk(tree))
    asserted = {id(call) for node in nodes if isinstance(node, ast.Assert) for call in ast.walk(node)}
    for call in nodes:
        if not isinstance(call, ast.Call) or id(call) in asserted or len(call.args) < 2:
            continue
        function, (subject, what) = last_name(call.func), call.args[:2]
        if function in ("getattr", "hasattr") and last_name(subject) in MODEL_NAMES and isinstance(what, ast.Constant):
            yield call.lineno, str(what.value)
        if function == "isinstance":
            yield from ((call.lineno, name) for part in ast.walk(what) if (name := last_name(part)) in PARTS)


def test_nobody_outside_models_asks_a_model_what_it_is() -> None:
    found = {
        f"{path}:{line} asks for {name}"
        for path, tree in parse_package().items()
        if not path.startswith("models/")
        for line, name in probes(tree)
        if (path, name) not in FOREIGN_MODULES
    }
    assert not found, "give the base class GenerativeModel a property, and use it"


@pytest.mark.parametrize(
    "line",
    [
        "getattr(model, 'prior', None)",
        "hasattr(run.model, 'x')",
        "isinstance(m, Model)",
        "isinstance(p, (A, er.Mixture))",
    ],
)
def test_the_search_finds_probes(line: str) -> None:
    assert list(probes(ast.parse(line)))
