import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vaescope.data import Factors


def make(sizes, kind="ordinal"):
    return Factors([f"f{k}" for k in range(len(sizes))], sizes, [kind] * len(sizes))


@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.data())
def test_index_and_values_are_inverse(sizes, data):
    factors = make(sizes)
    rows = st.lists(st.integers(0, factors.num_combinations - 1), min_size=1, max_size=20)
    index = torch.tensor(data.draw(rows))
    values = factors.values(index)
    assert values.shape == (len(index), len(sizes))
    assert bool(((values >= 0) & (values < torch.tensor(sizes))).all())
    assert torch.equal(factors.index(values), index)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_order_is_that_of_numpy_with_the_last_factor_fastest(sizes):
    factors = make(sizes)
    expected = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=-1)
    assert factors.values(torch.arange(factors.num_combinations)).tolist() == expected.tolist()


def test_index_keeps_leading_axes():
    factors = make((3, 4))
    index = torch.arange(12).reshape(2, 3, 2)
    assert factors.values(index).shape == (2, 3, 2, 2)
    assert torch.equal(factors.index(factors.values(index)), index)
    assert factors.values(torch.tensor(7)).tolist() == [1, 3]


def test_sample_is_uniform_and_repeatable():
    factors = make((2, 5))
    values = factors.sample(20_000, np.random.default_rng(1))
    assert values.dtype == torch.int64
    counts = torch.bincount(factors.index(values), minlength=10)
    # 10 cells of mean 2000 and standard deviation 42
    assert counts.min() > 1790
    assert counts.max() < 2210
    assert torch.equal(values, factors.sample(20_000, np.random.default_rng(1)))


def test_sample_with_a_continuous_factor_is_float():
    factors = Factors(("a", "b"), (3, 0), ("categorical", "continuous"))
    values = factors.sample(5000, np.random.default_rng(1))
    assert values.dtype == torch.float32
    assert set(values[:, 0].tolist()) == {0.0, 1.0, 2.0}
    assert 0 <= values[:, 1].min() < 0.01 < 0.99 < values[:, 1].max() <= 1
    assert values[:, 1].var().item() == pytest.approx(1 / 12, rel=0.05)


@pytest.mark.parametrize("per_row", [False, True])
def test_resample_changes_only_the_chosen_factors(per_row):
    factors = make((50, 60, 70))
    old = factors.sample(500, np.random.default_rng(0))
    changed = torch.tensor([True, False, True])
    if per_row:
        changed = torch.from_numpy(np.random.default_rng(1).random((500, 3)) < 0.5)
    new = factors.resample(old, changed, np.random.default_rng(2))
    changed = changed.expand(500, 3)
    assert torch.equal(new[~changed], old[~changed])
    assert (new[changed] != old[changed]).float().mean() > 0.95
    assert bool((new < torch.tensor(factors.sizes)).all())


def test_continuous_factors_have_no_row_numbers():
    factors = Factors(("a", "angle"), (3, 0), ("ordinal", "continuous"))
    with pytest.raises(ValueError, match=r"\['angle'\] are continuous"):
        factors.values(torch.tensor([0]))
    with pytest.raises(ValueError, match="continuous"):
        factors.index(torch.zeros(1, 2))
    with pytest.raises(ValueError, match="continuous"):
        _ = factors.num_combinations


@pytest.mark.parametrize(
    ("names", "sizes", "kinds", "message"),
    [
        (("a",), (2, 3), ("ordinal",), "1 names, 2 sizes and 1 kinds"),
        (("a", "a"), (2, 3), ("ordinal",) * 2, "repeat"),
        (("a",), (2,), ("colour",), "'colour'; allowed are ordinal, circular"),
        (("a",), (0,), ("ordinal",), "has size 0"),
        (("a",), (3,), ("continuous",), "has size 3"),
    ],
)
def test_impossible_factors_are_refused(names, sizes, kinds, message):
    with pytest.raises(ValueError, match=message):
        Factors(names, sizes, kinds)


def test_a_set_may_have_no_factors():
    none = make(())
    assert (len(none), none.num_combinations, none.has_continuous) == (0, 1, False)
    drawn = none.sample(3, np.random.default_rng(0))
    values = none.values(torch.zeros(2, 3, dtype=torch.int64))
    assert (drawn.shape, values.shape) == ((3, 0), (2, 3, 0))
    assert drawn.dtype == values.dtype == none.index(values).dtype == torch.int64
    assert torch.equal(none.index(values), torch.zeros(2, 3, dtype=torch.int64))
    changed = torch.ones(0, dtype=torch.bool)
    assert none.resample(drawn, changed, np.random.default_rng(0)).shape == (3, 0)
    with pytest.raises(ValueError, match=r"only rows 0\.\.0"):
        none.values(torch.tensor([1]))
    with pytest.raises(ValueError, match="last axis must hold the 0 factors"):
        none.index(torch.zeros(3, 1))


def test_values_and_rows_out_of_range_are_refused():
    factors = make((2, 3))
    with pytest.raises(ValueError, match="out of range"):
        factors.index(torch.tensor([[1, 3]]))
    with pytest.raises(ValueError, match="out of range"):
        factors.index(torch.tensor([[-1, 0]]))
    with pytest.raises(ValueError, match=r"only rows 0\.\.5"):
        factors.values(torch.tensor([6]))
    with pytest.raises(ValueError, match="last axis must hold the 2 factors"):
        factors.index(torch.tensor([[1, 1, 1]]))
