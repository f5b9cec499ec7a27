"""Every score is in a table once: ours, the panel's and a user's own, if not loaded here."""

from vaescope.report.run.score_tables import panel_lines, score_lines
from vaescope.report.terminal import print_jobs, print_scores

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


def test_each_score_has_one_line():
    lines = {line["key"]: line for line in score_lines([ROW], {"test/mig": [0.25, 0.1]})}
    panel = {line["key"]: line for line in panel_lines([ROW])}
    assert list(lines) == ["test/loss", "test/mig", "test/ours"]
    assert list(panel) == ["test/sap", "test/theirs"]
    mig = lines["test/mig"]
    shown = (mig["value"], mig["published"], mig["chance"], mig["ceiling"])
    assert shown == ("0.2", "0.25 ± 0.1", "0.1", "0.9")
    assert (panel["test/theirs"]["interval"], panel["test/theirs"]["chance"]) == (
        "0.35 to 0.45",
        "0.05",
    )
    assert panel["test/theirs"]["measures"] == lines["test/ours"]["meaning"] != ""


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
