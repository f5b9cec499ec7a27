"""Information in nats, against scikit-learn, numpy and disentanglement_lib."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from vaescope.metrics import discretise, entropy, mutual_information
from vaescope.metrics.information.information_matrix import factor_classes


def labels(seed, rows, columns, values):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(values, (rows, columns), generator=generator)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    bins=st.integers(1, 40),
    scale=st.sampled_from([1e-30, 1e-3, 1.0, 7.3, 1e20]),
    offset=st.sampled_from([0.0, -0.1, 1.0]),
)
def test_bins_are_those_of_numpy(seed, bins, scale, offset):
    # Multiples of a tenth put many values exactly on or beside an edge.
    values = np.random.default_rng(seed).integers(-20, 20, (60, 3)) * 0.1
    values = (values + offset) * scale
    expected = [np.digitize(column, np.histogram(column, bins)[1][:-1]) - 1 for column in values.T]
    found = discretise(torch.from_numpy(values), bins)
    np.testing.assert_array_equal(found.numpy(), np.array(expected).T)


def test_a_constant_column_lies_in_one_bin():
    binned = discretise(torch.tensor([[3.0, 0.0], [3.0, 1.0], [3.0, 2.0]]), 4)
    assert binned[:, 0].unique().numel() == 1
    assert binned[:, 1].tolist() == [0, 2, 3]
    assert binned.dtype == torch.int64


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_codes_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="NaN or infinite"):
        discretise(torch.tensor([[0.0], [bad]]), 20)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (5,)])
def test_codes_that_are_no_matrix_are_refused(shape):
    with pytest.raises(ValueError, match="non-empty matrix"):
        discretise(torch.zeros(shape), 20)


def test_no_bins_are_refused():
    with pytest.raises(ValueError, match="bins = 0"):
        discretise(torch.zeros(2, 2), 0)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 200))
def test_information_is_that_of_scikit_learn(seed, rows):
    codes, factors = labels(seed, rows, 3, 5), labels(seed + 1, rows, 2, 7)
    factors[:, 0] = (codes[:, 0] + factors[:, 0]) // 3
    expected = [[mutual_info_score(c, f) for f in factors.T] for c in codes.T]
    found = mutual_information(codes, factors)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_information_ignores_order_and_names(seed):
    codes, factors = labels(seed, 80, 3, 4), labels(seed + 1, 80, 2, 3)
    factors[:, 1] = codes[:, 2] % 3
    expected = mutual_information(codes, factors)
    rows = torch.randperm(80, generator=torch.Generator().manual_seed(seed))
    renamed = torch.tensor([10**12, -5, 77, 3])[codes[rows]]
    torch.testing.assert_close(mutual_information(renamed, factors[rows]), expected)
    torch.testing.assert_close(
        mutual_information(codes[:, [2, 0, 1]], factors[:, [1, 0]]), expected[[2, 0, 1]][:, [1, 0]]
    )
    torch.testing.assert_close(mutual_information(factors, codes), expected.T)


def test_information_of_a_column_with_itself_is_its_entropy():
    columns = labels(3, 500, 4, 6)
    torch.testing.assert_close(mutual_information(columns, columns).diagonal(), entropy(columns))


def test_a_constant_holds_no_information():
    codes = torch.cat([labels(0, 1000, 1, 20), torch.full((1000, 1), 9)], 1)
    information = mutual_information(codes, labels(0, 1000, 2, 20))
    assert information[1].tolist() == pytest.approx([0, 0], abs=1e-13)
    assert (information >= 0).all()


def test_entropy_of_known_distributions():
    columns = torch.tensor([[0, 5, 1], [1, 5, 1], [2, 5, 1], [3, 5, 0]])
    expected = [np.log(4), 0.0, -0.75 * np.log(0.75) - 0.25 * np.log(0.25)]
    assert entropy(columns).tolist() == pytest.approx(expected, abs=1e-14)


def test_reals_are_refused_as_labels():
    with pytest.raises(ValueError, match=r"discretise\(\)"):
        mutual_information(torch.zeros(3, 1), torch.zeros(3, 1, dtype=torch.int64))


def test_different_numbers_of_rows_are_refused():
    with pytest.raises(ValueError, match="3 rows of codes, but 4"):
        mutual_information(labels(0, 3, 1, 2), labels(0, 4, 1, 2))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.int32, torch.float64])
@pytest.mark.parametrize("values", [[3, 0, 3, 7], [5, 5, 5, 5], [0, 1, 2, 3]])
def test_classes_are_places_among_the_values_that_occur(values, dtype):
    column = torch.tensor(values, dtype=dtype)[:, None]
    found = factor_classes(column, kinds=["ordinal"])
    assert found[:, 0].tolist() == [sorted(set(values)).index(value) for value in values]


@pytest.mark.parametrize(
    "values", [[-4, 9, -4, 0], [10**9, 3, 10**9, 4], [True, False, True, True]]
)
def test_classes_of_any_integers(values):
    found = factor_classes(torch.tensor(values)[:, None])
    assert found[:, 0].tolist() == [sorted(set(values)).index(value) for value in values]
