"""Estimators of scikit-learn: fit, transform, sample and score tables and arrays in a few verbs.

The public names are listed in ``__init__.pyi``; scikit-learn is imported when one of them is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
