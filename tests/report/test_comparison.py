"""Comparisons of handmade runs: means by hand, groups, what is refused, what is only listed."""

import html
import json
import math
import os
import re
from html.parser import HTMLParser
from statistics import correlation

import pytest
import yaml

from builders.finished_runs import leave, plain, settings
from vaescope.config.loading import read_settings, resolved, save_yaml
from vaescope.errors import ConfigError, DataError, RunFolderError
from vaescope.report.comparison import page as comparison_page
from vaescope.report.comparison.differences import settings_of
from vaescope.report.comparison.figures import MARGIN, WIDTH, scatter, strip
from vaescope.report.comparison.page import compare
from vaescope.report.comparison.plots import curves, effects, half_of_interval
from vaescope.report.comparison.rows import compare_runs, correlations
from vaescope.report.comparison.seed_groups import Member, groups_of
from vaescope.report.html.tables import markdown_table, mean_and_std
from vaescope.run_folder.runs import find_runs
from vaescope.scores import record_of


@pytest.fixture
def sweep(tmp_path):
    """Two methods of three seeds, one of them with chance levels."""
    folder = tmp_path / "runs"
    for seed, (mig, dto) in enumerate([(0.1, 0.5), (0.2, 0.4), (0.6, 0.3)]):
        scores = {"mig": [mig], "mig_chance": [0.01], "mig_ceiling": [0.9], "dto_active": [dto]}
        leave(folder / f"beta{seed}", scores, seed=seed)
        other = {"mig": [mig / 2], "dto_active": [2 * dto], "over_pruned": [float(seed == 1)]}
        leave(folder / f"deep/vae{seed}", other, seed=seed, model={"_target_": "m.VAE"})
    return folder


def by_method(groups):
    return {group.method: group for group in groups}


# numbers


def test_means_and_stds_are_those_of_hand(sweep):
    groups = by_method(compare_runs(find_runs([str(sweep)])).groups)
    assert groups.keys() == {"BetaVAE", "VAE"}
    mig = groups["BetaVAE"].measured("test/mig")
    assert mig.mean == pytest.approx(0.3)
    assert mig.std == pytest.approx(math.sqrt((0.04 + 0.01 + 0.09) / 2))
    assert (mig.n, mig.values) == (3, [(0, 0.1), (1, 0.2), (2, 0.6)])
    assert groups["VAE"].measured("test/dto_active").mean == pytest.approx(0.8)
    assert groups["VAE"].measured("test/mig_chance") is None


def test_the_files_say_the_same(sweep, tmp_path, capsys):
    page = compare(plain(sweep, tmp_path / "out"))
    content = json.loads((tmp_path / "out" / "comparison.json").read_text())
    first, second = content["groups"]
    assert (first["method"], first["data"], first["updates"]) == ("BetaVAE", "DSprites", 100)
    assert (first["seeds"], first["differs"]) == ([0, 1, 2], {"beta": "4"})
    assert first["scores"]["test/mig"]["mean"] == pytest.approx(0.3)
    assert first["scores"]["test/mig"]["std"] == pytest.approx(math.sqrt(0.07))
    assert second["scores"]["test/mig"]["n"] == 3
    assert "test/mig_chance" not in second["scores"]
    table = (tmp_path / "out" / "comparison.md").read_text()
    assert table.splitlines()[:4] == [
        "| method | data | what differs | updates | seeds | over-pruned | MIG | MIG: chance "
        "| MIG: ceiling | DtO, active latents |",
        "|---|---|---|---|---|---|---|---|---|---|",
        "| BetaVAE | DSprites | beta=4 | 100 | 3 |  | 0.30 ± 0.26 (3) | 0.01 | 0.9 "
        "| 0.40 ± 0.10 (3) |",
        "| VAE | DSprites |  | 100 | 3 | 1 of 3 | 0.15 ± 0.13 (3) |  |  | 0.80 ± 0.20 (3) |",
    ]
    assert second["over_pruned"] == [False, True, False]
    assert first["over_pruned"] == [None] * 3
    assert "on 50 observations" in table
    assert "posterior=DiagonalGaussian" in table  # what all runs share
    assert f"(`test/mig`): {record_of('mig').meaning}" in table
    for text in (page.read_text(), capsys.readouterr().out):
        assert "0.30 ± 0.26 (3)" in text


def test_correlation_over_runs_is_that_of_the_dots(sweep, tmp_path):
    found = compare_runs(find_runs([str(sweep)]))
    x = [0.5, 0.4, 0.3, 1.0, 0.8, 0.6]
    y = [0.1, 0.2, 0.6, 0.05, 0.1, 0.3]
    ((panel, (r, n)),) = correlations(found.groups, "test/dto_active").items()
    assert (panel, n) == ("DSprites, 100 updates", 6)
    assert r == pytest.approx(correlation(x, y))
    left = scatter(found.groups).axes[0]
    dots = sorted(map(tuple, (p for c in left.collections for p in c.get_offsets().tolist())))
    assert dots == [pytest.approx(pair) for pair in sorted(zip(x, y, strict=True))]
    compare(plain(sweep, tmp_path / "out"))
    (told,) = json.loads((tmp_path / "out" / "comparison.json").read_text())["correlations"]
    assert (told["score"], told["n"]) == ("test/dto_active", 6)
    assert f"r = −{-r:.2f} (n = 6)" in (tmp_path / "out" / "report.html").read_text()


def test_four_runs_are_too_few_to_correlate_and_constants_have_no_r(tmp_path):
    leave(tmp_path / "a", {"mig": [0.1, 0.2, 0.3, 0.4], "dto_active": [1, 2, 3, 5]})
    four = compare_runs(find_runs([str(tmp_path / "a")])).groups
    assert correlations(four, "test/dto_active") == {"DSprites, 100 updates": (None, 4)}
    assert scatter(four) is None
    leave(tmp_path / "b", {"mig": [0.1] * 5, "dto_active": [1, 2, 3, 4, 5]})
    five = compare_runs(find_runs([str(tmp_path / "b")])).groups
    assert correlations(five, "test/dto_active") == {"DSprites, 100 updates": (None, 5)}
    assert scatter(five) is not None
    compare(plain(tmp_path / "a", tmp_path / "out"))
    assert "<noscript>" not in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("mean", "std", "text"),
    [
        (0.264, 0.124, "0.26 ± 0.12"),
        (120.14, 1.93, "120.1 ± 1.9"),
        (3.0, 0.0, "3 ± 0"),
        (0.03367, None, "0.0337"),
        (12345.6, None, "12346"),
        (12345.6, 789.0, "12346 ± 7.9e+02"),
        (0.5, 1e-12, "0.5 ± 1e-12"),
        (-0.003, 0.00021, "-0.00300 ± 0.00021"),
    ],
)
def test_numbers_in_cells(mean, std, text):
    assert mean_and_std(mean, std) == text


def test_cells_of_markdown_escape_bars():
    assert markdown_table(("a",), [["x|y"]]) == ["| a |", "|---|", "| x\\|y |"]


def test_a_strip_places_its_dots_on_the_scale():
    svg = strip([(3, 0.0), (4, 5.0), (9, 10.0)], (0.0, 10.0), 2.5, (0.0, 10.0))
    inner = WIDTH - 2 * MARGIN
    places = [float(x) for x in re.findall(r'cx="([\d.]+)"', svg)]
    assert places == [MARGIN, MARGIN + inner / 2, MARGIN + inner]
    assert f'class="chance" d="M{MARGIN + inner / 4}' in svg
    assert "<title>seed 3: 0; seed 4: 5; seed 9: 10</title>" in svg
    assert "chance" not in strip([(0, 1.0)], (1.0, 1.0), None, (1.0, 1.0))


# groups


def names(groups):
    return [(group.label(), [m.row["seed"] for m in group.members]) for group in groups]


def test_rows_are_what_differs_and_seeds_are_pooled(tmp_path):
    for number, changed in enumerate(
        [{}, {"seed": 1, "threads": 7, "optimizer__fused": False, "data__num_workers": 3}]
    ):
        leave(tmp_path / f"same{number}", {"mig": [0.5]}, **{"seed": number} | changed)
    leave(tmp_path / "int", {"mig": [0.5]}, seed=2, model__beta=4)  # of 4.0
    leave(tmp_path / "beta", {"mig": [0.5]}, model__beta=16)
    leave(tmp_path / "annealed", {"mig": [0.5]}, model__initial_beta=60)
    leave(tmp_path / "full", {"mig": [0.5]}, posterior__path="a.FullGaussian")
    leave(
        tmp_path / "prior",
        {"mig": [0.5]},
        prior={"_target_": "vaescope.distributions.priors.Laplace"},
    )
    found = compare_runs(find_runs([str(tmp_path)])).groups
    common = "posterior=DiagonalGaussian prior=StandardNormal"
    assert names(found) == [
        ("beta=4 posterior=DiagonalGaussian prior=Laplace", [0]),
        (f"beta=4 {common}", [2, 0, 1]),
        ("beta=4 posterior=FullGaussian prior=StandardNormal", [0]),
        (f"beta=4 initial_beta=60 {common}", [0]),
        (f"beta=16 {common}", [0]),
    ]


def test_a_prior_that_is_not_named_is_the_standard_normal(tmp_path):
    leave(tmp_path / "old", {"mig": [0.5]})
    leave(
        tmp_path / "new",
        {"mig": [0.7]},
        1,
        prior={"_target_": "vaescope.distributions.priors.StandardNormal"},
    )
    (group,) = compare_runs(find_runs([str(tmp_path)])).groups
    assert group.measured("test/mig").mean == pytest.approx(0.6)


def test_options_that_are_off_are_not_named_unless_a_method_varies_them(tmp_path):
    dip = {"_target_": "m.DIPVAE", "a": 0, "b": 0}
    leave(tmp_path / "a", {"mig": [0.5]}, model=dip)
    leave(tmp_path / "b", {"mig": [0.5]}, model=dip | {"b": 2})
    leave(tmp_path / "c", {"mig": [0.5]})
    labels = [group.label() for group in compare_runs(find_runs([str(tmp_path)])).groups]
    assert labels == ["beta=4", "b=0", "b=2"]


@pytest.mark.parametrize(
    "other",
    [
        {"step": 200},
        {"data__ratio": 2},
        {"data": {"_target_": "d.TinyDataModule"}},
        {"about": {"data_source": "file"}},
        {"statistics__disentanglement__bins": 50},
        {"data__view": {"_target_": "v.Pairs"}},
    ],
)
@pytest.mark.parametrize("group_by", [None, [], ["method"], ["model"]])
def test_other_data_or_updates_are_never_averaged_together(tmp_path, other, group_by):
    leave(tmp_path / "a", {"mig": [0.1]}, seed=0)
    leave(tmp_path / "b", {"mig": [0.9]}, seed=1, **other)
    groups = compare_runs(find_runs([str(tmp_path)]), group_by=group_by).groups
    assert sorted(group.measured("test/mig").mean for group in groups) == [0.1, 0.9]
    same_images = "data__view" in other
    assert len({group.panel for group in groups}) == (1 if same_images else 2)


def test_statistics_that_a_run_did_not_take_do_not_set_it_apart(tmp_path):
    leave(tmp_path / "a", {"mig": [0.1], "dto": [None]})
    leave(tmp_path / "b", {"mig": [0.3], "dto": [1.5]}, seed=1, statistics__more={"k": 5})
    (group,) = compare_runs(find_runs([str(tmp_path)]), scores=["mig", "dto"]).groups
    assert [group.measured(key).n for key in ("test/mig", "test/dto")] == [2, 1]
    assert group.measured("test/dto").std is None


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        (["method"], {"over beta=4, 16; over latent_dim=5, 10": [0.1, 0.2, 0.3, 0.4]}),
        (["beta"], {"beta=4; over latent_dim=5, 10": [0.1, 0.2], "beta=16": [0.3, 0.4]}),
        (["model.beta"], {"beta=4; over latent_dim=5, 10": [0.1, 0.2], "beta=16": [0.3, 0.4]}),
        (["model"], {"beta=4; over latent_dim=5, 10": [0.1, 0.2], "beta=16": [0.3, 0.4]}),
        (
            ["beta", "latent_dim"],
            {
                "beta=4 latent_dim=10": [0.1],
                "beta=4 latent_dim=5": [0.2],
                "beta=16 latent_dim=10": [0.3, 0.4],
            },
        ),
    ],
)
def test_group_by_averages_over_the_rest_and_says_so(tmp_path, group_by, expected):
    leave(tmp_path / "a", {"mig": [0.1]})
    leave(tmp_path / "b", {"mig": [0.2]}, latent_dim=5)
    leave(tmp_path / "c", {"mig": [0.3, 0.4]}, model__beta=16)
    groups = compare_runs(find_runs([str(tmp_path)]), group_by=group_by).groups
    found = {g.label(): [value for _, value in g.measured("test/mig").values] for g in groups}
    assert found == expected
    if group_by == ["method"]:
        assert comparison_page.seeds_of(groups[0]) == "2 (4 runs)"


@pytest.mark.parametrize(
    ("sort", "expected"), [("mig", [0.1, 0.2, 0.4]), ("-test/mig", [0.4, 0.2, 0.1])]
)
def test_sort_is_by_a_score_within_the_same_data(tmp_path, sort, expected):
    for beta, mig in ((1, 0.2), (2, 0.4), (3, 0.1)):
        leave(tmp_path / f"{beta}", {"mig": [mig]}, model__beta=beta)
    leave(tmp_path / "none", {"mig": [None], "dto": [1.0]}, model__beta=4)
    leave(tmp_path / "later", {"mig": [0.3]}, step=7000)
    groups = compare_runs(find_runs([str(tmp_path)]), sort=sort).groups
    assert [g.measured("test/mig").mean for g in groups[:3]] == expected
    assert [g.updates for g in groups] == [100, 100, 100, 100, 7000]
    assert groups[3].measured("test/mig") is None


def test_numbers_of_settings_are_in_their_order(tmp_path):
    for beta in (16, 4, 100):
        leave(tmp_path / f"{beta}", {"mig": [0.1]}, model__beta=beta)
    labels = [group.label() for group in compare_runs(find_runs([str(tmp_path)])).groups]
    assert labels == ["beta=4", "beta=16", "beta=100"]


# what is listed


def remarks(folder):
    """Reason by the run's name and the seed."""
    found = compare_runs(find_runs([str(folder)]))
    return {
        (line["run"].rpartition("/")[2], line["seed"]): line["reason"] for line in found.remarks
    }


def test_what_did_not_finish_is_listed(sweep):
    def begun(name, error=""):
        leave(sweep / name, {"mig": [9.0]}, seed=5)
        (sweep / name / "scores.json").unlink()
        if error:
            (sweep / name / "error.txt").write_text(f"Traceback\n{error}\n")

    begun("running")
    begun("broken", "TrainingDivergedError: loss is nan")
    refused = sweep / "refused"
    (refused / ".hydra").mkdir(parents=True)
    (refused / ".hydra" / "config.yaml").write_text(yaml.safe_dump(settings(model__beta="???")))
    (refused / "error.txt").write_text("ConfigError: no beta")
    leave(sweep / "ensemble", {"mig": [0.1]}, 7, about={"diverged": [{"seed": 8, "step": 30}]})
    leave(sweep / "resumed", {"mig": [0.2]}, 9)
    (sweep / "resumed" / "error.txt").write_text("KeyboardInterrupt")
    leave(sweep / "odd", {"mig": [float("nan")], "dto_active": [0.4]}, 10)
    (sweep / "odd" / "notes").mkdir()
    leave(sweep / "cut", {"mig": [0.1]}, 11)
    (sweep / "cut" / "scores.json").write_text('{"rows": [')
    (sweep / "evaluated" / "x").mkdir(parents=True)
    (sweep / "evaluated" / "x" / "scores.json").write_text('{"rows": []}')
    told = remarks(sweep)
    assert told.pop(("cut", 11)).startswith("unreadable: scores.json (JSONDecodeError")
    assert told == {
        ("running", 5): "unfinished: no scores.json yet",
        ("broken", 5): "failed: TrainingDivergedError: loss is nan",
        ("refused", 0): "failed: ConfigError: no beta",
        ("ensemble", 8): "diverged at update 30",
        ("resumed", 9): "failed after these scores: KeyboardInterrupt",
        ("odd", 10): "not a finite number: mig",
    }
    group = by_method(compare_runs(find_runs([str(sweep)])).groups)["BetaVAE"]
    assert group.measured("test/mig").mean == pytest.approx((0.1 + 0.2 + 0.6 + 0.1 + 0.2) / 5)
    assert group.measured("test/dto_active").n == 4


def test_what_is_listed_stands_in_the_files(sweep, tmp_path):
    leave(sweep / "e", {"mig": [0.1]}, 7, about={"diverged": [{"seed": 8, "step": 30}]})
    compare(plain(sweep, tmp_path / "out"))
    told = f"`{sweep / 'e'}` (BetaVAE on DSprites, seed 8): diverged at update 30"
    assert told in (tmp_path / "out" / "comparison.md").read_text()
    assert "diverged at update 30" in (tmp_path / "out" / "report.html").read_text()


def test_a_repeat_is_no_further_seed_and_the_newest_counts(tmp_path):
    old = leave(tmp_path / "b" / "old", {"mig": [0.1]})
    leave(tmp_path / "a" / "new", {"mig": [0.5]})
    leave(tmp_path / "c", {"mig": [0.7]}, seed=1)
    os.utime(old / "scores.json", (1e9, 1e9))
    (group,) = compare_runs(find_runs([str(tmp_path)])).groups
    assert [value for _, value in group.measured("test/mig").values] == [0.5, 0.7]
    assert remarks(tmp_path)["old", 0].startswith(f"the same settings and seed as {tmp_path}/a/new")


def test_a_folder_given_twice_counts_once(sweep):
    runs = find_runs([str(sweep), str(sweep / "beta0"), str(sweep / "deep" / ".." / "deep")])
    assert len(runs) == 6


# what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scores": ["migg"]}, r"scores: no run has the score 'migg'; did you mean 'mig',"),
        ({"scores": ["test/dot_active"]}, r"'test/dot_active'; did you mean 'dto_active'\?"),
        ({"scores": ["step"]}, r"no run has the score 'step'; there are dto_active, mig, "),
        ({"sort": "-mgi"}, r"sort: no run has the score 'mgi'; did you mean 'mig"),
        ({"group_by": ["beat"]}, r"group_by: no run has the setting 'beat'; did you mean 'beta"),
        ({"scores": [3]}, r"scores: \[3\] was given; give a list of texts, scores=\[a,b\]"),
        ({"runs": []}, r"runs: none given"),
        ({"runs": None}, r"runs: none given"),
    ],
)
def test_unknown_names_are_refused_with_close_ones(sweep, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        compare(plain(sweep, tmp_path / "out", **options))
    assert not list((tmp_path / "out").glob("*"))


def test_scores_are_known_with_and_without_their_prefix(sweep):
    keys = compare_runs(find_runs([str(sweep)]), scores=["test/mig", "mig", "dto_active"]).keys
    assert keys == ["test/mig", "test/dto_active"]


def test_a_single_text_is_a_list_of_one(sweep, tmp_path):
    compare(plain(sweep, tmp_path / "out", runs=str(sweep), scores="mig"))
    table = (tmp_path / "out" / "comparison.md").read_text()
    assert "| MIG | MIG: chance | MIG: ceiling |\n" in table


def test_folders_without_runs_are_refused(sweep, tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere does not exist; give folders of runs$"):
        find_runs([str(sweep), str(tmp_path / "nowhere")])
    with pytest.raises(ConfigError, match=r"config.yaml is a file"):
        find_runs([str(sweep / "beta0" / "config.yaml")])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigError, match=rf"no runs found in {empty}; a run's folder holds"):
        find_runs([str(empty)])
    (empty / "scores.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"not a run: it has scores.json, but no config.yaml"):
        find_runs([str(empty)])
    (empty / "config.yaml").write_text("a: 1\n")
    with pytest.raises(ConfigError, match=r"not a run of vaescope train"):
        find_runs([str(empty)])
    (sweep / "beta0" / "scores.json").unlink()
    with pytest.raises(ConfigError, match=r"none of the 1 runs has finished; .*beta0: unfinished"):
        compare_runs(find_runs([str(sweep / "beta0")]))
    leave(tmp_path / "bare", {"other": [1.0]})
    with pytest.raises(ConfigError, match=r"have none of the chief ones; name some"):
        compare_runs(find_runs([str(tmp_path / "bare")]))


def test_a_configuration_that_is_none_is_listed(sweep):
    (sweep / "beta0" / "config.yaml").write_text("a: [1\n")
    reasons = [line["reason"] for line in compare_runs(find_runs([str(sweep)])).remarks]
    assert len(reasons) == 1
    assert "beta0/config.yaml cannot be read" in reasons[0]
    (sweep / "list.yaml").write_text("- 1\n")
    with pytest.raises(DataError, match="holds no settings"):
        read_settings(sweep / "list.yaml")


@pytest.mark.parametrize("name", ["config.yaml", "checkpoints", "multirun.yaml", "report.html"])
def test_other_commands_folders_are_left_as_they_are(sweep, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("theirs")
    with pytest.raises(RunFolderError, match=f"has {name} of another command"):
        compare(plain(sweep, out))
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == "theirs"


def test_a_report_takes_the_place_of_one_before_or_leaves_it(sweep, tmp_path, monkeypatch):
    out = tmp_path / "out"
    compare(plain(sweep, out))
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert before.keys() == {"report.html", "comparison.md", "comparison.json"}
    leave(sweep / "more", {"mig": [0.9]}, seed=3)

    def full(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match="disk full"):
            compare(plain(sweep, out))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    compare(plain(sweep, out))
    assert all((out / name).read_bytes() != text for name, text in before.items())


# the page


class Outline(HTMLParser):
    """Counts elements and checks that they are closed in order."""

    VOID = ("meta", "br", "img", "link", "use", "path", "circle", "input")

    def __init__(self):
        super().__init__()
        self.open, self.counts = [], {}

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_has_a_dot_for_every_seed(sweep, tmp_path):
    text = compare(plain(sweep, tmp_path / "out")).read_text()
    page = Outline()
    page.feed(re.sub(r"<!doctype html>", "", text))
    assert page.open == []
    table = text[text.index('<table class="groups">') : text.index("</table>")]
    assert table.count("<circle") == 2 * 2 * 3  # groups, scores, seeds
    assert table.count('class="chance"') == 1
    assert all(record_of(key).meaning in html.unescape(text) for key in ("mig", "dto_active"))
    assert "http" not in re.sub(
        r'"http://www.w3.org[^"]*"|"http[^"]*matplotlib[^"]*"|"http://purl[^"]*"',
        "",
        re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S),
    )


def test_texts_of_runs_are_escaped(tmp_path):
    leave(tmp_path / "a", {"mig": [0.1]}, model__beta="<script>")
    leave(tmp_path / "b", {"mig": [0.1]}, model__beta=2)
    text = compare(plain(tmp_path, tmp_path / "out")).read_text()
    assert "beta=<script>" not in text
    assert "beta=&lt;script&gt;" in text


def test_real_configurations_differ_in_what_the_shell_changed(tmp_path, config):
    """Of composed ``train.yaml``, as runs have it, machine settings and seeds do not count."""

    words = {
        "a": (),
        "b": ("seed=3", "threads=2", "logger=[csv]", "trainer.max_steps=7"),
        "c": ("model=vae",),
    }
    found = {}
    for name, changed in words.items():
        folder = leave(tmp_path / "r" / name, {"mig": [0.1]})
        composed = config("model=beta_vae", *changed)
        made = resolved(composed)
        made["data"]["seed"] = "${seed}"  # as training leaves it
        save_yaml(made, folder / "config.yaml")
        (run,) = find_runs([str(folder)])
        found[name] = settings_of(run)
    assert found["a"] == found["b"] != found["c"]
    assert found["a"].keys() >= {"model.beta", "posterior.path", "optimizer.lr", "data.source"}


class Counted(dict):
    """Settings that count how often one of them is asked for."""

    asked = 0

    def get(self, key, default=None):
        Counted.asked += 1
        return super().get(key, default)

    def __getitem__(self, key):
        Counted.asked += 1
        return super().__getitem__(key)


def test_work_grows_as_the_number_of_groups(tmp_path):
    folder = leave(tmp_path / "run", {"mig": [0.1]})
    (run,) = find_runs([str(folder)])

    def reads(groups):
        keys = ("model.beta", "network._target_", "data.size")
        members = [
            Member(run, run.rows[0], Counted(settings_of(run) | dict.fromkeys(keys, number)))
            for number in range(groups)
        ]
        Counted.asked = 0
        assert len(groups_of(members, keys, None)) == groups
        return Counted.asked

    assert reads(200) < 12 * reads(20)


def test_effects_are_means_over_the_other_options_with_intervals(tmp_path):
    for beta, lr, mig in ((1, 0.1, 1.0), (1, 0.2, 3.0), (2, 0.1, 2.0), (2, 0.2, 6.0)):
        folder = tmp_path / f"{beta}-{lr}"
        leave(folder, {"mig": [mig]}, model__beta=beta, optimizer__lr=lr)
    groups = compare_runs(find_runs([str(tmp_path)])).groups
    (table,) = effects(groups, ["test/mig"])
    told = [(row["option"], row["value"], row["models"]) for row in table["rows"]]
    assert told == [
        ("beta", "1", 2),
        ("beta", "2", 2),
        ("optimizer.lr", "0.1", 2),
        ("optimizer.lr", "0.2", 2),
    ]
    # of two values t(1; 0.975) = 12.706 times half their distance
    assert table["rows"][0]["cells"] == ["2 ± 13"]
    assert half_of_interval([1.0, 3.0]) == pytest.approx(12.7062, abs=1e-3)
    assert half_of_interval([1.0]) is None


def test_each_seed_links_to_its_run_seen_from_the_report(sweep, tmp_path):
    (sweep / "deep/vae1/report.html").write_text("<p>")
    text = compare(plain(sweep, tmp_path / "out")).read_text()
    assert re.findall(r'<a href="(.*?)">(.*?)</a>', text) == [
        ("../runs/deep/vae1/report.html", "seed 1")
    ]


def test_curves_are_means_over_seeds_of_a_group(tmp_path):
    for seed, value in enumerate((0.2, 0.4)):
        run = leave(tmp_path / f"{seed}", {"mig": [0.1]}, seed=seed)
        (run / "metrics.csv").write_text(f"step,seed,val/mig\n50,{seed},{value}\n100,{seed},1\n")
    charts, note = curves(compare_runs(find_runs([str(tmp_path)])).groups, ["test/mig"])
    (chart,) = charts
    drawn = json.loads(html.unescape(re.search(r'data-chart="(.*?)"', chart)[1]))
    assert drawn["lines"][0]["steps"] == [50, 100]
    assert drawn["lines"][0]["values"] == pytest.approx([0.3, 1.0])
    assert "of 1 groups" in note
