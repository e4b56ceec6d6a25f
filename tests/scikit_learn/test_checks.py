"""The checks of scikit-learn, those that check_estimator leaves out among them."""

import warnings

import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator

from tests.scikit_learn.estimators import ESTIMATORS

#: Checks that say the most in the least time; the others are marked slow.
FAST = (
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_estimators_unfitted",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
)
LEFT_OUT = (
    "check_dataframe_column_names_consistency",
    "check_param_validation",
    "check_n_features_in_after_fitting",
    "check_estimators_partial_fit_n_features",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_get_feature_names_out_error",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
)


@pytest.fixture(params=ESTIMATORS)
def estimator(request):
    return clone(ESTIMATORS[request.param])


#: A clusterer is the dearest to train and shares its checks with the others.
BUT_CLUSTERER = pytest.mark.parametrize(
    "estimator",
    [pytest.param(name, marks=pytest.mark.exhaustive if name == "Clusterer" else []) for name in ESTIMATORS],
    indirect=True,
)


@pytest.mark.parametrize("check", FAST)
def test_the_fast_checks_pass(check, estimator):
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


@pytest.mark.slow
@BUT_CLUSTERER
@pytest.mark.filterwarnings("ignore")
def test_check_estimator_passes(estimator):
    results = check_estimator(estimator, on_skip=None)
    assert {one["status"] for one in results} <= {"passed", "skipped"}
    assert sum(one["status"] == "skipped" for one in results) <= 1  # array API, which has to be switched on


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    # An outlier detector and a clusterer check their input as these two do.
    [pytest.param(name, marks=[] if name in ("VAE", "Imputer") else pytest.mark.exhaustive) for name in ESTIMATORS],
    indirect=True,
)
@pytest.mark.parametrize("check", LEFT_OUT)
def test_the_checks_that_it_leaves_out_pass(check, estimator):
    if not hasattr(estimator, "transform") and ("transform" in check or "get_feature_names" in check):
        pytest.skip("no transformer")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(estimator_checks, check)(type(estimator).__name__, estimator)
