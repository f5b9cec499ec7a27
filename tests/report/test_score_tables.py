"""Every score is in a table once: ours, the panel's and a user's own, if not loaded here."""

import pytest

from vaescope.report.run.score_tables import score_groups, scores_note
from vaescope.report.terminal import print_jobs, print_scores
from vaescope.scores import GROUPS, LOGGED, PANEL_SCORES, group_of

ROW = {
    "seed": 0,
    "step": 5,
    "test/loss": 3.0,
    "test/kl_latent_00": 1.0,
    "test/weight_kl": 4.0,
    "test/mig": 0.2,
    "test/mig_chance": 0.1,
    "test/mig_ceiling": 0.9,
    "test/sap": 0.3,
    "test/ours": 0.7,  # of a statistic that has no record
    "test/theirs": 0.4,  # of the panel, measured where its package was loaded
    "test/theirs_chance": 0.05,
    "test/theirs_low": 0.35,
    "test/theirs_high": 0.45,
}


def lines_of(groups):
    return {line.key: line for group in groups for line in group.lines}


def test_each_score_has_one_line_in_its_group():
    chief, further = score_groups([ROW], {"test/mig": [0.25, 0.1]})
    assert [group.title for group in chief] == [
        "Disentanglement: information",
        "Disentanglement: prediction",
        "Your own",
    ]
    assert [*lines_of(chief)] == ["test/mig", "test/sap", "test/ours", "test/theirs"]
    assert [*lines_of(further)] == ["test/loss"]
    mig, theirs = lines_of(chief)["test/mig"], lines_of(chief)["test/theirs"]
    shown = (mig.name, mig.value, mig.published, mig.beside)
    assert shown == ("MIG", "0.2", "0.25 ± 0.1", "chance 0.1, ceiling 0.9")
    assert (theirs.interval, theirs.beside) == ("0.35 to 0.45", "chance 0.05")
    assert theirs.meaning == lines_of(chief)["test/ours"].meaning != ""


def test_bars_begin_at_0_and_have_chance_ceiling_and_the_range_of_seeds():
    rows = [{"seed": 0, "test/mig": 0.2, "test/mig_chance": 0.1, "test/mig_ceiling": 0.9}]
    rows += [rows[0] | {"seed": 1, "test/mig": 0.4}]
    rows[0] |= {"test/dto": 1.0, "test/dto_chance": 4.0, "test/variance_relation": 1.1}
    (lines,) = [lines_of([*chief, *further]) for chief, further in [score_groups(rows, {})]]
    bar = lines["test/mig"].bar
    assert (bar.share, bar.ticks, bar.spread) == (30.0, [10.0, 90.0], (20.0, 20.0))
    assert (lines["test/dto"].bar.share, lines["test/dto"].bar.ticks) == (25.0, [100.0])
    assert lines["test/variance_relation"].bar is None  # neither a share nor with a chance level


def test_every_score_of_ours_has_a_group_and_no_other_has():
    names = {*LOGGED, *PANEL_SCORES}
    lines = {name for name in names if not name.endswith(("_chance", "_ceiling"))}
    assert {name for name in lines if group_of(f"test/{name}") == GROUPS[-1]} == set()
    assert group_of("test/ours") == GROUPS[-1]


@pytest.mark.parametrize(
    ("rows", "told"), [(1, "one seed; the thin line is the 95 %"), (2, "over 2 seeds")]
)
def test_the_note_says_what_a_number_is(rows, told):
    assert told in scores_note([ROW | {"split": "test", "num_samples": 100}] * rows)


def test_the_terminal_has_them_too(capsys):
    print_scores([ROW], "a run")
    told = capsys.readouterr().out
    for name in ("loss", "mig", "sap", "ours", "theirs"):
        assert f"test/{name} " in told
    assert "theirs_low" not in told
    assert "kl_latent" not in told
    assert "Over-pruned" not in told


def test_the_terminal_tells_over_pruned_seeds(capsys):
    rows = [{"seed": seed, "test/over_pruned": flag} for seed, flag in ((3, 1.0), (4, 0.0))]
    print_scores(rows, "a run")
    assert "Over-pruned, 1 of 2 seeds (3): fewer active latents" in capsys.readouterr().out
    print_scores([{"seed": 0, "test/over_pruned": None}], "an autoencoder")
    assert "not defined without a posterior variance" in capsys.readouterr().out
    job = {"name": "0", "overrides": [], "state": "finished", "error": ""}
    print_jobs([job | {"rows": rows}, job | {"rows": rows[1:]}], ["test/mig"], "a sweep")
    assert capsys.readouterr().out.count("finished, over-pruned") == 1
