"""Tables of informations: resamplings against loops, chance against its expectation."""

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

from vaescope.metrics.information.information_matrix import (
    entropy,
    factor_classes,
    mutual_information,
)
from vaescope.metrics.information.tables import (
    active_latents,
    binned_pair,
    bootstrap_weights,
    information_table,
    resampled_tables,
    shuffle_orders,
    shuffled_tables,
    table_of_labels,
)


def labels(seed, rows, *sizes):
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randint(size, (rows,), generator=generator) for size in sizes], 1)


def test_one_table_holds_all_informations():
    binned, factors = labels(0, 300, 20, 7, 1), labels(1, 300, 3, 40)
    table = table_of_labels(binned, factors, 20)
    torch.testing.assert_close(table.information, mutual_information(binned, factors))
    torch.testing.assert_close(table.factor_information, mutual_information(factors, factors))
    torch.testing.assert_close(table.code_entropies, entropy(binned))
    torch.testing.assert_close(table.factor_entropies, entropy(factors))


def test_shuffles_are_those_of_a_loop():
    binned, factors = labels(2, 150, 20, 5, 9), labels(3, 150, 3, 12)
    orders = shuffle_orders(150, 7, seed=1)
    assert (orders.sort(1).values == torch.arange(150)).all()
    tables = shuffled_tables(binned, factors, 20, orders)
    expected = [mutual_information(binned, factors[order]) for order in orders]
    torch.testing.assert_close(tables.information, torch.stack(expected))
    assert tables.factor_information.shape == (7, 2, 2)


def test_resamples_are_those_of_repeated_rows():
    binned, factors = labels(4, 150, 20, 5, 9), labels(5, 150, 3, 12)
    weights = bootstrap_weights(150, 5, seed=1)
    assert (weights.sum(1) == 150).all()
    tables = resampled_tables(binned, factors, 20, weights)
    for number, weight in enumerate(weights):
        rows = torch.arange(150).repeat_interleave(weight)
        expected = table_of_labels(binned[rows], factors[rows], 20)
        for name in ("information", "code_entropies", "factor_entropies", "factor_information"):
            found = getattr(tables, name)[number]
            torch.testing.assert_close(found, getattr(expected, name), msg=name)


def test_a_whole_number_of_copies_changes_nothing():
    binned, factors = labels(6, 80, 6, 4), labels(7, 80, 3)
    tables = resampled_tables(binned, factors, 6, torch.full((1, 80), 3))
    torch.testing.assert_close(tables.information[0], mutual_information(binned, factors))


def test_chance_is_the_bias_of_the_plug_in_estimate():
    binned, factors = labels(8, 2000, 20, 20), labels(9, 2000, 6)
    tables = shuffled_tables(binned, factors, 20, shuffle_orders(2000, 40))
    # 2N I is chi-squared with (B-1)(C-1) degrees of freedom.
    assert float(tables.information.mean()) == pytest.approx(19 * 5 / 4000, rel=0.1)


def test_draws_depend_on_the_seed_alone():
    assert (shuffle_orders(50, 3, seed=4) == shuffle_orders(50, 3, seed=4)).all()
    assert (shuffle_orders(50, 3, seed=4) != shuffle_orders(50, 3, seed=5)).any()
    assert (bootstrap_weights(50, 3, seed=4) == bootstrap_weights(50, 3, seed=4)).all()
    for draw in (shuffle_orders, bootstrap_weights):
        with pytest.raises(ValueError, match="repeats = 0"):
            draw(50, 0)


def test_noise_and_constants_are_not_active():
    generator = torch.Generator().manual_seed(0)
    factors = labels(10, 3000, 4, 30)
    noise = 1e-3 * torch.randn(3000, 6, generator=generator)
    codes = torch.cat([noise, torch.zeros(3000, 1), factors[:, :1] + 40 * noise[:, :1]], 1)
    binned, classes = binned_pair(codes, factors)
    table = table_of_labels(binned, classes, 20)
    shuffled = shuffled_tables(binned, classes, 20, shuffle_orders(3000, 20))
    # The first noise is part of the last latent, not of the factors.
    assert active_latents(table, shuffled).tolist() == [False] * 7 + [True]
    more = shuffled_tables(binned, classes, 20, shuffle_orders(3000, 60))
    assert torch.equal(active_latents(table, more), active_latents(table, shuffled))
    with pytest.raises(ValueError, match="19 shuffles: active latents need at least 20"):
        active_latents(table, shuffled_tables(binned, classes, 20, shuffle_orders(3000, 19)))


def test_kinds_decide_what_is_binned():
    reals = torch.rand(500, 1, generator=torch.Generator().manual_seed(0))
    mixed = torch.cat([reals, labels(11, 500, 40, 3).float()], 1)
    classes = factor_classes(mixed, kinds=["continuous", "circular", "categorical"], bins=10)
    assert [len(column.unique()) for column in classes.T] == [10, 40, 3]
    assert factor_classes(mixed, bins=10).amax(0).tolist() == [9, 39, 2]  # whole: classes
    assert factor_classes(mixed + 0.5, bins=10).amax(0).tolist() == [9, 9, 9]
    assert factor_classes(mixed[:, 1:].long(), bins=10, bin_all=True).amax() == 9
    table = information_table(mixed, mixed[:, 1:].long(), bins=10, convention="dcf")
    assert float(table.factor_entropies[0]) < np.log(10) + 1e-9


def test_weights_agree_with_scikit_learn():
    binned, factors = labels(12, 400, 9), labels(13, 400, 5)
    factors[:200] = binned[:200] % 5
    weights = bootstrap_weights(400, 2, seed=3)
    found = resampled_tables(binned, factors, 9, weights).information[:, 0, 0]
    for nats, weight in zip(found, weights.numpy(), strict=True):
        pair = [np.repeat(column[:, 0].numpy(), weight) for column in (binned, factors)]
        assert float(nats) == pytest.approx(mutual_info_score(*pair), abs=1e-12)


def test_mistakes_are_told():
    with pytest.raises(ValueError, match="convention='ksg'"):
        information_table(torch.rand(9, 2), labels(0, 9, 2), convention="ksg")
    with pytest.raises(ValueError, match="NaN"):
        information_table(torch.rand(9, 2), torch.full((9, 1), torch.nan))
    with pytest.raises(ValueError, match="9 rows of codes, but 8"):
        information_table(torch.rand(9, 2), labels(0, 8, 2))
