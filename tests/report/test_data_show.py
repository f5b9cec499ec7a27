"""The page about a data set: its pictures are the right ones, its numbers those of brute force."""

import base64
import io
import json
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
import torch
from PIL import Image

from vaescope.commands.data_sets import show
from vaescope.data import (
    DataSource,
    DSprites,
    FactorDataModule,
    FactorDataset,
    Factors,
    Publication,
    SyntheticLinear,
    SyntheticLinearDataModule,
    TinySquares,
    TinySquaresDataModule,
)
from vaescope.data.shifts.correlated import CorrelatedFactors
from vaescope.data.stored import StoredDataset
from vaescope.data.views.groups import Groups
from vaescope.data.views.pairs import Pairs, Triplets, factor_distance
from vaescope.errors import ConfigError
from vaescope.report.data import lookup as data_lookup
from vaescope.report.data.descriptions import dependence
from vaescope.report.data.factor_traversals import (
    nuisance_traversal,
    shown_values,
    traverse_factors,
    tuples,
)
from vaescope.report.data.figures import picture_grid
from vaescope.report.data.lookup import Lookup, chosen_rows
from vaescope.report.data.numbers import (
    NUISANCE,
    FactorDistance,
    factor_distances,
    factor_lines,
    pixel_statistics,
    steps_of,
)
from vaescope.report.data.page import summary, write_data_page

THREE = Factors(("angle", "colour", "size"), (6, 4, 3), ("circular", "categorical", "ordinal"))
PLAIN = {"seed": 0, "num_images": 9, "num_statistics": 50, "threads": 1}


def random_set(table=None, factors=THREE, labels=None, channels=3):
    """Images of noise: no two are alike, so that every mistake of a row shows."""
    count = factors.num_combinations if table is None else len(table)
    pixels = np.random.default_rng(5).integers(0, 256, (count, 6, 5, channels), dtype=np.uint8)
    return StoredDataset(torch.from_numpy(pixels), factors, "drawn", table, labels)


def incomplete(num_twice=0):
    """Half of the combinations, some of them twice."""
    rows = np.random.default_rng(1).permutation(72)[:36]
    return random_set(THREE.values(torch.from_numpy(np.concatenate([rows, rows[:num_twice]]))))


class Dotted(FactorDataset):
    """Grey ``images`` of one level each, on which uniform noise of width 0.5 lies.

    Differs: none known.
    """

    factors = Factors(("level", "other"), (3, 2), ("ordinal", "ordinal"))
    image_shape = (1, 4, 4)
    source = "computed"
    has_nuisance = True
    data_source = DataSource(
        licence="CC0",
        publications=(Publication("Somebody & Others", 1999, "On dots", "https://example.org"),),
    )

    def images_at(self, index, draw):
        noise = [np.random.default_rng(int(d)).random((1, 4, 4)) for d in draw]
        noise = torch.from_numpy(np.stack(noise)).float() if len(noise) else torch.zeros(0, 1, 4, 4)
        return 0.25 * self.values(index)[:, :1, None, None] + 0.5 * noise


@dataclass(kw_only=True, eq=False, repr=False)
class Module(FactorDataModule):
    given: FactorDataset | None = None
    batch_size: int = 8

    @property
    def factors(self):
        return self.given.factors

    def build(self):
        return self.given


def page_of(module, folder, **changed):
    module.setup()
    path = write_data_page(folder, module, PLAIN | changed, "seed: 0")
    return path.read_text(), json.loads((folder / "data.json").read_text())


def brute_distance(dataset, name, is_step):
    """Mean squared difference of all ordered pairs of images that differ in ``name`` by a step."""
    images = dataset.images_at(*[torch.arange(len(dataset))] * 2).double().numpy()
    values = dataset.values(torch.arange(len(dataset))).numpy()
    k = dataset.factors.names.index(name)
    found = [
        ((images[a] - images[b]) ** 2).mean()
        for a in range(len(values))
        for b in range(len(values))
        if is_step(values[b, k] - values[a, k])
        and (np.delete(values[a], k) == np.delete(values[b], k)).all()
    ]
    return np.mean(found), len(found)


class TestTraversals:
    def test_show_the_images_of_their_values(self):
        dataset, bases = TinySquares(), torch.tensor([3, 77, 150])
        made = traverse_factors(Lookup(dataset, 0), bases)
        assert [t.name for t in made] == list(dataset.factors.names)
        for position, traversal in enumerate(made):
            for r, base in enumerate(bases):
                for s, value in enumerate(traversal.values):
                    values = dataset.values(base[None])
                    values[0, position] = int(value)
                    assert torch.equal(traversal.images[r, s], dataset.images(values)[0])
            assert not traversal.replaced.any()

    def test_are_evenly_spaced_and_do_not_close_a_circle(self, tmp_path):
        lookup = Lookup(DSprites(tmp_path), 0)
        assert shown_values(lookup, 0).tolist() == [0, 1, 2]
        assert shown_values(lookup, 2).tolist() == list(range(0, 40, 4))
        assert shown_values(lookup, 3).tolist() == [0, 3, 7, 10, 14, 17, 21, 24, 28, 31]

    def test_of_computed_continuous_factors_are_exact(self):
        dataset = SyntheticLinear(50)
        made = traverse_factors(Lookup(dataset, 0), torch.tensor([4, 9]))
        for position, traversal in enumerate(made):
            values = dataset.values(torch.tensor([4, 9]))[:, None].repeat(1, 10, 1)
            values[:, :, position] = torch.linspace(0, 1, 10)
            assert torch.allclose(traversal.images, values @ dataset.mixing.T, atol=1e-6)

    def test_of_missing_combinations_show_the_nearest_image(self):
        dataset, bases = incomplete(num_twice=5), torch.tensor([0, 20])
        every = torch.arange(len(dataset))
        table = dataset.values(every).numpy()
        images = dataset.images_at(every, every)
        replaced = 0
        for position, traversal in enumerate(traverse_factors(Lookup(dataset, 0), bases)):
            wanted, shown = traversal.wanted.reshape(-1, 3), traversal.shown.reshape(-1, 3)
            assert (shown[:, position] == np.tile(traversal.values, 2)).all()
            for image, want, have in zip(
                traversal.images.flatten(0, 1), wanted, shown, strict=True
            ):
                rows = np.flatnonzero((table == have).all(1))
                assert any(torch.equal(image, images[row]) for row in rows)
                near = table[table[:, position] == want[position]]
                best = factor_distance(near, np.broadcast_to(want, near.shape), THREE).min()
                assert factor_distance(want[None], have[None], THREE)[0] == pytest.approx(best)
            exists = [(table == want).all(1).any() for want in wanted]
            assert traversal.replaced.ravel().tolist() == [not e for e in exists]
            replaced += traversal.replaced.sum()
        assert replaced

    def test_of_stored_continuous_factors_take_near_rows(self):
        factors = Factors(
            ("x", "y", "kind"), (0, 0, 2), ("continuous", "continuous", "categorical")
        )
        x = torch.linspace(0.2, 0.7, 101)
        lookup = Lookup(random_set(torch.stack([x, x, torch.arange(101) % 2], 1), factors), 0)
        along, _, across = traverse_factors(lookup, torch.tensor([3, 8]))
        assert along.values[[0, -1]].tolist() == pytest.approx([0.2, 0.7])
        assert np.abs(along.shown[:, :, 0] - along.values).max() <= 0.05
        assert (along.shown[:, :, 2] == along.wanted[:, :, 2]).all()
        assert np.abs(across.shown[:, :, 0] - across.wanted[:, :, 0]).max() <= 0.0051
        assert not lookup.is_exact

    def test_keep_what_is_no_factor(self):
        lookup, bases = Lookup(Dotted(), 0), torch.tensor([1, 4])
        level, other = traverse_factors(lookup, bases)
        assert torch.allclose(level.images[:, 1:] - level.images[:, :-1], torch.tensor(0.25))
        assert torch.equal(other.images[:, 0], other.images[:, 1])
        random = nuisance_traversal(lookup, bases)
        first = lookup.dataset.values(bases)[:, :1].float() * 0.25
        low, high = (random.images - first[:, :, None, None, None]).aminmax()
        assert 0 <= low < 0.05
        assert 0.45 < high <= 0.5 + 1e-6
        assert random.images.std(1).min() > 0.05
        assert nuisance_traversal(Lookup(TinySquares(), 0), bases) is None


class TestPixelStatistics:
    @pytest.mark.parametrize("chunk", [4, 4000, 2**24])
    def test_are_those_of_brute_force(self, monkeypatch, chunk):
        monkeypatch.setattr(data_lookup, "_CHUNK_BYTES", chunk)
        dataset = random_set()
        rows = chosen_rows(72, 40, 0, "x")
        found = pixel_statistics(Lookup(dataset, 0), rows)
        images = dataset.images_at(rows, rows).double().numpy()
        by_channel = images.transpose(1, 0, 2, 3).reshape(3, -1)
        assert found.num_images == 40
        assert found.mean == pytest.approx(by_channel.mean(1), abs=1e-6)
        assert found.std == pytest.approx(by_channel.std(1), abs=1e-6)
        assert found.image_std == pytest.approx(images.std((2, 3)).mean(0), abs=1e-6)
        assert found.minimum == pytest.approx(by_channel.min(1), abs=1e-6)
        assert found.maximum == pytest.approx(by_channel.max(1), abs=1e-6)
        assert np.allclose(found.mean_image, images.mean(0), atol=1e-6)
        assert np.allclose(found.std_image, images.std(0), atol=1e-6)
        pairs = [((images[a] - images[b]) ** 2).mean() for a, b in combinations(range(40), 2)]
        assert found.random_pair == pytest.approx(np.mean(pairs), rel=1e-5)
        levels, counts = np.unique((images * 255).round(), return_counts=True)
        assert found.num_levels == len(levels)
        assert found.commonest[1] == pytest.approx(counts.max() / images.size)
        for c in range(3):
            bytes_of = (by_channel[c] * 255).round().astype(int)
            assert (found.histogram[c] == np.bincount(bytes_of, minlength=256)).all()

    def test_of_binary_images(self):
        dataset = TinySquares()
        found = pixel_statistics(Lookup(dataset, 0), torch.arange(192))
        area = np.mean([(2 * half) ** 2 for half in (4, 7, 10)]) / 64**2
        assert found.mean == pytest.approx([area])
        assert found.std == pytest.approx([np.sqrt(area * (1 - area))])
        assert (found.num_levels, found.commonest) == (2, (0, pytest.approx(1 - area)))

    def test_of_fine_levels_count_them_and_round_the_histogram(self):
        class Fine(Dotted):
            image_shape = (1, 40, 40)
            levels = np.random.default_rng(3).integers(0, 65_536, (6, 1, 40, 40))

            def images_at(self, index, draw):
                return torch.from_numpy(self.levels / 65_535).float()[index]

        found = pixel_statistics(Lookup(Fine(), 0), torch.arange(6))
        assert found.num_levels == len(np.unique(Fine.levels))
        rounded = np.round(Fine.levels / 257).astype(int).ravel()
        assert (found.histogram[0] == np.bincount(rounded, minlength=256)).all()

    def test_of_vectors_are_by_entry(self):
        dataset = SyntheticLinear(3000)
        rows = torch.arange(3000)
        vectors = dataset.images_at(rows, rows).numpy()
        found = pixel_statistics(Lookup(dataset, 0), rows)
        assert found.std == pytest.approx(vectors.std(0), rel=1e-4)
        assert found.minimum == pytest.approx(vectors.min(0))
        assert (found.image_std, found.num_levels, found.histogram) == (None, None, None)


class TestFactorDistances:
    @pytest.mark.parametrize("dataset", [random_set(), incomplete()], ids=["grid", "incomplete"])
    @pytest.mark.parametrize("chunk", [2000, 2**24])
    def test_are_those_of_all_pairs(self, monkeypatch, dataset, chunk):
        monkeypatch.setattr(data_lookup, "_CHUNK_BYTES", chunk)
        found = factor_distances(Lookup(dataset, 0), torch.arange(len(dataset)))
        for step in (1, 2, 3):
            value, _ = brute_distance(dataset, "angle", lambda d, s=step: abs(d) in (s, 6 - s))
            assert found["angle"].distances[step - 1] == pytest.approx(value, rel=1e-5)
        for step in (1, 2):
            value, count = brute_distance(dataset, "size", lambda d, s=step: d == s)
            assert found["size"].distances[step - 1] == pytest.approx(value, rel=1e-5)
            assert found["size"].num_pairs[step - 1] == count
        value, _ = brute_distance(dataset, "colour", lambda d: d != 0)
        assert found["colour"].neighbours == pytest.approx(value, rel=1e-5)

    def test_of_a_linear_map_have_a_closed_form(self):
        found = factor_distances(Lookup(SyntheticLinear(500, ratio=3), 0), torch.arange(500))
        steps = np.arange(1, 10) / 10
        assert found["w1"].steps == pytest.approx(steps)
        assert found["w1"].distances == pytest.approx((3 * steps) ** 2 / 3, rel=1e-4)
        assert found["w2"].distances == pytest.approx(steps**2 / 3, rel=1e-4)
        assert found["w1"].neighbours == pytest.approx(0.03, rel=1e-4)

    def test_keep_what_is_no_factor_and_measure_it_by_itself(self):
        found = factor_distances(Lookup(Dotted(), 0), torch.arange(6))
        assert found["level"].distances == pytest.approx([0.25**2, 0.5**2])
        assert found["other"].distances == pytest.approx([0])
        assert found[NUISANCE].neighbours == pytest.approx(0.5**2 / 6, rel=0.5)

    def test_need_factors_that_images_are_found_by(self):
        factors = Factors(("x",), (0,), ("continuous",))
        stored = random_set(torch.linspace(0, 1, 9)[:, None], factors)
        assert factor_distances(Lookup(stored, 0), torch.arange(9)) == {}
        bare = random_set(torch.zeros(9, 0).long(), Factors((), (), ()))
        assert factor_distances(Lookup(bare, 0), torch.arange(9)) == {}

    def test_steps_are_at_most_ten_and_begin_with_the_smallest(self):
        factors = Factors(("a", "b", "c"), (32, 40, 1), ("ordinal", "circular", "ordinal"))
        assert steps_of(factors, 0)[::9] == [1, 31]
        assert steps_of(factors, 1)[::9] == [1, 20]
        assert steps_of(factors, 2) == []


class TestFacts:
    def test_factors_are_counted_over_all_rows(self):
        table = torch.tensor([[0, 1, 0], [0, 1, 2], [5, 1, 2], [5, 3, 2]])
        angle, colour, size = factor_lines(Lookup(random_set(table), 0))
        assert (angle["num_values"], angle["num_occurring"]) == (6, 2)
        assert angle["entropy"] == pytest.approx(np.log(2))
        assert angle["entropy_uniform"] == pytest.approx(np.log(6))
        assert colour["entropy"] == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
        assert (size["kind"], size["minimum"], size["maximum"]) == ("ordinal", 0, 2)

    def test_joint_frequency_is_that_of_the_training_batches(self):
        module = TinySquaresDataModule(split=None, sampling=CorrelatedFactors([["position_y", 2]]))
        module.setup()
        found = dependence(module, Lookup(module.dataset, 0))
        assert found["largest_mutual_information"]["factors"] == ["position_y", "size"]
        values, weights = module.dataset.values(torch.arange(192)), module.training_weights()
        for y, s in ((0, 0), (7, 0), (3, 1)):
            share = weights[(values[:, 1] == y) & (values[:, 2] == s)].sum()
            assert found["joint"][y][s] == pytest.approx(float(share))
        assert np.sum(found["joint"]) == pytest.approx(1)

    @pytest.mark.parametrize(("together", "is_shown"), [(True, True), (False, False)])
    def test_only_dependent_factors_of_the_whole_set_are_shown(self, together, is_shown):
        values = np.random.default_rng(2).integers(0, (6, 4, 3), (400, 3))
        values[:, 2] = values[:, 0] // 2 if together else values[:, 2]
        module = Module(given=random_set(torch.from_numpy(values)))
        module.setup()
        assert (dependence(module, Lookup(module.dataset, 0)) is not None) == is_shown

    def test_sources_are_those_of_the_record(self):
        (published,) = Dotted.data_source.publications
        assert str(published) == "Somebody & Others 1999, On dots, https://example.org"
        assert published.short == "Somebody & Others 1999"
        assert StoredDataset.data_source == DataSource()
        assert TinySquares.data_source.publications == ()
        assert Dotted.about() == (
            "Grey images of one level each, on which uniform noise of width 0.5 lies."
        )


class TestViews:
    def test_pairs_are_those_of_the_first_batch(self):
        module = TinySquaresDataModule(view=Pairs(k=2, policy="strict"))
        module.setup()
        batch = module.dataset.gather(module.epoch_batches().plan(0))
        images, captions = tuples(batch, module.dataset.factors, 5)
        assert torch.equal(images[:, 1], batch.partners[0].image[:5])
        for caption, changed, second in zip(
            captions, batch.known.changed, batch.partners[0].factors, strict=False
        ):
            told = dict(part.rsplit(" → ", 1) for part in caption.split(", "))
            positions = changed.nonzero().flatten().tolist()
            names = [module.dataset.factors.names[k] for k in positions]
            assert [start.split()[0] for start in told] == names
            assert [int(end) for end in told.values()] == second[changed].tolist()

    def test_groups_share_what_their_caption_says(self):
        labels = torch.arange(72) % 4
        module = Module(given=random_set(labels=labels), view=Groups("label", 4))
        module.setup()
        batch = module.dataset.gather(module.epoch_batches().plan(0))
        images, captions = tuples(batch, THREE, 12)
        assert images.shape[:2] == (2, 4)
        rows = batch.rows.view(2, 4)
        assert captions == [f"shared: {label}" for label in labels[rows[:, 0]].tolist()]
        assert (labels[rows] == labels[rows[:, :1]]).all()


def pixels_of(uri):
    return np.array(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))


def test_the_bitmap_is_made_of_the_images():
    images = random_set().images_at(torch.arange(6), torch.arange(6)).unflatten(0, (2, 3))
    replaced = np.zeros((2, 3), dtype=bool)
    replaced[1, 2] = True
    bitmap = pixels_of(picture_grid(images, replaced))
    scale = 11  # 6 x 5 pixels, at least 64 high
    for row in range(2):
        for column in range(3):
            top, left = row * (6 * scale + 2), column * (5 * scale + 2)
            tile = bitmap[top : top + 6 * scale, left : left + 5 * scale]
            expected = (images[row, column] * 255).round().byte().permute(1, 2, 0).numpy()
            assert (tile[5::scale, 5::scale] == expected).all()
            assert (tile[0, 0] == (208, 73, 55)).all() == replaced[row, column]


def test_rows_are_drawn_by_the_seed_or_all():
    rows = chosen_rows(1000, 20, 3, "samples")
    assert torch.equal(rows, chosen_rows(1000, 20, 3, "samples"))
    assert not torch.equal(rows, chosen_rows(1000, 20, 4, "samples"))
    assert len(rows.unique()) == 20
    assert torch.equal(chosen_rows(7, 20, 3, "samples"), torch.arange(7))


def test_the_summary_names_the_extremes():
    shares = {"a": 0.2, "b": 0.05, NUISANCE: 0.5}
    distances = {n: FactorDistance(n, [1], [share], [9]) for n, share in shares.items()}
    assert summary(distances, 0.5) == (
        "Between neighbouring values a moves observations most (40 % of the distance of random "
        "pairs), b least (10 %). What is no factor moves them by 100 % of it."
    )
    assert "alike (40 %" in summary({"a": distances["a"], "c": distances["a"]}, 0.5)
    assert summary({"a": distances["a"]}, 0.5) == ""


class TestPage:
    def test_names_every_factor_and_is_always_the_same(self, tmp_path):
        first, numbers = page_of(TinySquaresDataModule(view=Triplets()), tmp_path / "a")
        again, _ = page_of(TinySquaresDataModule(view=Triplets()), tmp_path / "b")
        assert first == again
        assert (tmp_path / "a/data.json").read_text() == (tmp_path / "b/data.json").read_text()
        for name in TinySquares.factors.names:
            assert f"<td>{name}</td><td>ordinal</td>" in first
            assert f'alt="traversal of {name}"' in first
            assert numbers["distances"][name]["steps"][0] == 1
        assert numbers["statistics"]["num_images"] == 50
        assert first.count("<figcaption>2: ") == 12
        assert 'src="http' not in first

    def test_of_a_set_without_factors(self, tmp_path):
        bare = Factors((), (), ())
        labels = torch.arange(30) % 3
        module = Module(given=random_set(torch.zeros(30, 0).long(), bare, labels, channels=1))
        page, numbers = page_of(module, tmp_path)
        assert "None known." in page
        assert "Traversals" not in page
        assert "How far each factor" not in page
        assert numbers["labels"] == {"0": 10, "1": 10, "2": 10}
        assert (numbers["factors"], numbers["distances"], numbers["dependence"]) == ([], {}, None)

    def test_of_vectors(self, tmp_path):
        page, numbers = page_of(SyntheticLinearDataModule(num_points=100, view=Pairs()), tmp_path)
        assert page.count('aria-label="scatter matrix"') == 2
        assert "Random samples" not in page
        assert "what belongs together" in page
        assert len(numbers["statistics"]["mean"]) == 3

    def test_of_vectors_without_factors(self, tmp_path):
        class Cloud(FactorDataset):
            factors, image_shape, source = Factors((), (), ()), (7,), "drawn"
            points = torch.linspace(-3, 3, 140).view(20, 7).sin()

            def __len__(self):
                return 20

            def values(self, index):
                return torch.zeros(len(index), 0, dtype=torch.int64)

            def images_at(self, index, draw):
                return self.points[index]

        page, numbers = page_of(Module(given=Cloud()), tmp_path)
        assert page.count('aria-label="scatter matrix"') == 1
        assert numbers["statistics"]["maximum"] == pytest.approx(Cloud.points.amax(0).tolist())

    def test_of_missing_combinations_says_so(self, tmp_path):
        page, numbers = page_of(Module(given=incomplete(num_twice=5)), tmp_path)
        assert numbers["facts"]["observations"] == (
            "41; 36 of 72 combinations of the factors occur"
        )
        assert "framed: the nearest image" in page

    def test_of_images_with_noise_shows_it_by_itself(self, tmp_path):
        page, numbers = page_of(Module(given=Dotted(), split=None, batch_size=4), tmp_path)
        assert 'alt="traversal of what is no factor"' in page
        assert NUISANCE in numbers["distances"]
        assert numbers["facts"]["licence"] == "CC0"
        assert numbers["facts"]["published in"] == str(Dotted.data_source.publications[0])

    def test_is_what_the_command_writes(self, config, tmp_path, capsys):
        show(config("action=show", "data=tiny", "num_statistics=20", name="data"))
        assert f"{tmp_path}/data.html: 192 observations" in capsys.readouterr().out
        assert json.loads((tmp_path / "data.json").read_text())["statistics"]["num_images"] == 20

    @pytest.mark.parametrize("key", ["num_images", "num_statistics"])
    def test_needs_positive_numbers(self, config, key):
        with pytest.raises(ConfigError, match=rf"config\.{key}: 0 is not an integer"):
            show(config("action=show", "data=tiny", f"{key}=0", name="data"))
