"""Models: encoder, decoder and prior, and those with more than one latent."""

from elbowroom.models.architecture import Architecture
from elbowroom.models.autoregressive import (
    AutoregressiveConditional,
    pixel_decoder,
    row_decoder,
    sequence_decoder,
)
from elbowroom.models.base import GenerativeModel, Model
from elbowroom.models.bidirectional import BidirectionalHierarchy
from elbowroom.models.characteristic import CharacteristicModel
from elbowroom.models.clustering import ClusteringModel
from elbowroom.models.conditional import Conditional
from elbowroom.models.conditioning import LabelEncoder
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.fixed_prior import FixedPrior
from elbowroom.models.gaussian_mixture import GaussianMixtureModel
from elbowroom.models.hamiltonian import HamiltonianModel
from elbowroom.models.hierarchical import Hierarchy
from elbowroom.models.implicit import ImplicitModel
from elbowroom.models.ladder import Ladder
from elbowroom.models.linear import LinearAutoencoder
from elbowroom.models.multimodal import multimodal_model
from elbowroom.models.priors import (
    AutocorrelatedPrior,
    CharacteristicPrior,
    CodePrior,
    CompositePrior,
    EnergyPrior,
    ExemplarPrior,
    FlowPrior,
    Mixture,
    PartsPrior,
    ResampledPrior,
    StandardNormal,
    UniformCategories,
    VampPrior,
    make_prior,
)
from elbowroom.models.quantized_hierarchy import QuantizedHierarchy
from elbowroom.models.riemannian import RiemannianModel
from elbowroom.models.semi_amortized import SemiAmortizedModel
from elbowroom.models.semi_supervised import SemiSupervised
from elbowroom.models.sequential import SequentialModel
from elbowroom.models.stacked_semi_supervised import StackedSemiSupervised
from elbowroom.models.student import StudentDecoder
from elbowroom.models.two_level import TwoLevel

__all__ = [
    "Architecture",
    "AutocorrelatedPrior",
    "AutoregressiveConditional",
    "BidirectionalHierarchy",
    "CharacteristicModel",
    "CharacteristicPrior",
    "ClusteringModel",
    "CodePrior",
    "CompositePrior",
    "Conditional",
    "Draw",
    "EnergyPrior",
    "ExemplarPrior",
    "FixedPrior",
    "FlowPrior",
    "GaussianMixtureModel",
    "GenerativeModel",
    "HamiltonianModel",
    "Hierarchy",
    "ImplicitModel",
    "LabelEncoder",
    "Ladder",
    "Latent",
    "LinearAutoencoder",
    "Mixture",
    "Model",
    "PartsPrior",
    "QuantizedHierarchy",
    "ResampledPrior",
    "RiemannianModel",
    "SemiAmortizedModel",
    "SemiSupervised",
    "SequentialModel",
    "StackedSemiSupervised",
    "StandardNormal",
    "StudentDecoder",
    "TwoLevel",
    "UniformCategories",
    "VampPrior",
    "make_prior",
    "multimodal_model",
    "pixel_decoder",
    "row_decoder",
    "sequence_decoder",
]
