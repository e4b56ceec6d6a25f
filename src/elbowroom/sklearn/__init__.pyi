from .clusterer import Clusterer as Clusterer
from .estimator import Estimator as Estimator
from .imputer import Imputer as Imputer
from .outliers import OutlierDetector as OutlierDetector
from .storage import load as load
from .vae import VAE as VAE
