"""A variational autoencoder as a transformer and a density."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array, check_is_fitted

from elbowroom.evaluation.suites.likelihood import estimate_bounds
from elbowroom.sklearn.estimator import Estimator

#: What an example is scored by, the best first; a model that defines none has its reconstruction.
SCORES = ("importance_bound", "elbo")


@dataclass(kw_only=True, eq=False, repr=False)
class VAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """A recipe as an estimator: latents of examples, examples of latents, densities and new examples.

    The parameters are those of :class:`Estimator`, and:

    Args:
        samples: posterior samples for each example by which its density is estimated.

    >>> import numpy as np
    >>> import elbowroom as er
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> vae = er.sklearn.VAE(latent=2, epochs=5, random_state=0).fit(X)
    >>> vae.transform(X).shape, vae.inverse_transform(np.zeros((4, 2))).shape, vae.sample(5).shape
    ((60, 2), (4, 3), (5, 3))
    >>> vae.get_feature_names_out()
    array(['vae0', 'vae1'], dtype=object)
    """

    samples: int = 20

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Estimator._parameter_constraints,
        "samples": [Interval(Integral, 1, None, closed="left")],
    }

    def transform(self, X: Any) -> Any:
        """Return the latents of examples: the means of q(z|x), (N, latent).

        Args:
            X: examples; missing cells are left out of account.
        """
        x = self._encode(X)
        model = self.trained_.precise_model
        return torch.cat([model.encode(batch.x) for batch in self._batches(x)]).flatten(1).numpy()

    def inverse_transform(self, Z: Any) -> Any:
        """Return the examples that latents stand for, in the form of those it was trained on: the means of p(x|z).

        Args:
            Z: latents, (N, latent).

        Raises:
            ValueError: they have another size than the model's.
        """
        check_is_fitted(self)
        z, model = torch.from_numpy(check_array(Z, dtype=np.float64)), self.trained_.precise_model
        if z.shape[1] != self._n_features_out:
            raise ValueError(
                f"Z has {z.shape[1]} columns, and {type(self).__name__} has latents of {self._n_features_out}: give "
                "what transform returns"
            )
        return self._decode(model.sample(z=z.reshape(-1, *model.latent_shape), draw=False))

    def reconstruct(self, X: Any) -> Any:
        """Return examples as the model sees them: decoded from their latents, in the form they are given in.

        Args:
            X: examples; missing cells are filled.
        """
        x = self._encode(X)
        model = self.trained_.precise_model
        return self._decode(torch.cat([model.reconstruct(batch.x) for batch in self._batches(x)]))

    def score_samples(self, X: Any) -> Any:
        r"""Return a lower bound on the log-density of each example, (N,), nats: the importance bound.

        .. math:: \log \frac1K \sum_k \frac{p(x \mid z_k) \, p(z_k)}{q(z_k \mid x)}, \quad z_k \sim q(z \mid x)

        Burda, Grosse & Salakhutdinov 2016, arXiv 1509.00519. Densities are of the coded examples, in which the numbers
        of a table are standardized by the training rows, and of the cells that are there. Of a model without a prior
        or with a point posterior it is :math:`E_q \log p(x \mid z)`.

        Args:
            X: examples.
        """
        x = self._encode(X)
        model = self.trained_.precise_model
        scores = [estimate_bounds(model, batch, self.samples, self.seed_) for batch in self._batches(x)]
        name = next((name for name in SCORES if name in scores[0]), "reconstruction")
        values = torch.cat([one[name] for one in scores]).double().numpy()
        return -values if name == "reconstruction" else values

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of :meth:`score_samples`, nats per example; higher is better.

        Args:
            X: examples.
            y: ignored.
        """
        return float(np.mean(self.score_samples(X)))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Any:
        """Draw new examples, in the form of those it was trained on; a table's rows have no missing cells.

        Args:
            n_samples: how many.
            random_state: seed of the draws; None for others each time.
        """
        check_is_fitted(self)
        with self._seed_rng(random_state):
            return self._decode(self.trained_.model.sample(n_samples))

    @property
    def _n_features_out(self) -> int:
        return int(np.prod(self.trained_.model.latent_shape))
