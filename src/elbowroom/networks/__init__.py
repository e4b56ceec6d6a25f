"""Networks, built from the shape of the data."""

from typing import TYPE_CHECKING

from elbowroom.deprecation import deprecated_getattr
from elbowroom.networks.blocks import BLOCKS, DepthwiseCell, Residual
from elbowroom.networks.charts import AngleFeatures, Gyroplanes
from elbowroom.networks.conv import SIZES, Down, Pyramid, Up, fuse_upsampling
from elbowroom.networks.corruption import CorruptedInput
from elbowroom.networks.critics import PatchCritic
from elbowroom.networks.feature_layers import FeatureLayers, FeatureNetwork
from elbowroom.networks.features import Features, find_features
from elbowroom.networks.inputs import CellEncoder, ViewFiller
from elbowroom.networks.kl import KLDecoder, KLEncoder, KLStructure
from elbowroom.networks.latent_diffusion import LatentDiffusionNetwork
from elbowroom.networks.maps import DownToMap, MapToPositions, PositionsToMap, UpFromMap
from elbowroom.networks.mlp import ACTIVATIONS, MLP
from elbowroom.networks.registry import NETWORKS, Network, NetworkSettings, network
from elbowroom.networks.sequences import SEQUENCE_DECODERS, CausalAttention, CausalRecurrent, SequenceEncoder
from elbowroom.networks.steps import (
    MarkovCell,
    RecurrentFeatures,
    StepCell,
    StepFeatures,
    StepLayout,
    VariationalRecurrentCell,
)
from elbowroom.networks.strided import StridedDecoder, StridedEncoder
from elbowroom.networks.trend_season import TrendSeason
from elbowroom.networks.views import ViewDecoder, ViewEncoder

__all__ = [
    "ACTIVATIONS",
    "BLOCKS",
    "MLP",
    "NETWORKS",
    "SEQUENCE_DECODERS",
    "SIZES",
    "AngleFeatures",
    "CausalAttention",
    "CausalRecurrent",
    "CellEncoder",
    "CorruptedInput",
    "DepthwiseCell",
    "Down",
    "DownToMap",
    "FeatureLayers",
    "FeatureNetwork",
    "Features",
    "Gyroplanes",
    "KLDecoder",
    "KLEncoder",
    "KLStructure",
    "LatentDiffusionNetwork",
    "MapToPositions",
    "MarkovCell",
    "Network",
    "NetworkSettings",
    "PatchCritic",
    "PositionsToMap",
    "Pyramid",
    "RecurrentFeatures",
    "Residual",
    "SequenceEncoder",
    "StepCell",
    "StepFeatures",
    "StepLayout",
    "StridedDecoder",
    "StridedEncoder",
    "TrendSeason",
    "Up",
    "UpFromMap",
    "VariationalRecurrentCell",
    "ViewDecoder",
    "ViewEncoder",
    "ViewFiller",
    "find_features",
    "fuse_upsampling",
    "network",
]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
