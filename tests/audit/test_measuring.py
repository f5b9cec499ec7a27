"""Scores of known codes: those of the panel, kept code by code."""

import json
from dataclasses import replace

import pytest
from markupsafe import escape

from vaescope.audit import measuring
from vaescope.audit.codes import factor_grid, known_codes
from vaescope.audit.measuring import measure, measure_codes
from vaescope.cli import main
from vaescope.errors import ConfigError
from vaescope.panel import score_panel

SIZES, NAMES = [2, 3], ["mig", "mcc", "total_correlation"]


def test_scores_are_the_panels():
    code = next(c for c in known_codes(factor_grid(SIZES, 100)) if c.name == "noise 0.5")
    found = measure(code, [*NAMES, "separability"])
    about = {"kinds": ["ordinal"] * 2, "variance": code.variance, "repeats": 0}
    names = [*NAMES, "separability"]
    panel = score_panel(code.codes, code.factors, scores=names, costly_repeats=0, **about)
    assert found.scores == {name: each.score for name, each in panel.items()}
    assert found.seconds.keys() == found.scores.keys()
    assert min(found.seconds.values()) > 0


def test_what_these_rows_do_not_allow_is_told():
    code = next(iter(known_codes(factor_grid(SIZES, 100))))
    rows = replace(code, factors=code.factors * 0)
    assert any(
        sentence.startswith("snc: no factor") for sentence in measure(rows, ["snc"]).left_out
    )


class TestFolder:
    def test_an_audit_goes_on_where_it_was(self, tmp_path, monkeypatch):
        made = []

        def stopped(code, *rest):
            if len(made) == 3:
                raise KeyboardInterrupt
            made.append(code.name)
            return measure(code, *rest)

        monkeypatch.setattr(measuring, "measure", stopped)
        with pytest.raises(KeyboardInterrupt):
            measure_codes(tmp_path, SIZES, 100, ["mcc"], 0)
        monkeypatch.setattr(measuring, "measure", measure)
        whole = measure_codes(tmp_path, SIZES, 100, ["mcc"], 0)
        kept = json.loads((tmp_path / "measured.json").read_text())["codes"]
        assert [each["name"] for each in kept] == [each.name for each in whole]
        monkeypatch.setattr(measuring, "measure", None)  # nothing is left to do
        assert measure_codes(tmp_path, SIZES, 100, ["mcc"], 0) == whole

    def test_other_settings_and_damage_are_refused(self, tmp_path):
        measure_codes(tmp_path, SIZES, 100, ["mcc"], 0)
        with pytest.raises(ConfigError, match=r"holds an audit with seed=0; take another"):
            measure_codes(tmp_path, SIZES, 100, ["mcc"], 1)
        for content in ("", "[]", '{"settings": {}, "codes": [1]}'):
            (tmp_path / "measured.json").write_text(content)
            with pytest.raises(ConfigError, match="is damaged; remove it"):
                measure_codes(tmp_path, SIZES, 100, ["mcc"], 0)

    def test_unknown_scores_are_refused(self, tmp_path):
        with pytest.raises(ConfigError, match=r"score 'mgi' is unknown; did you mean 'mig'"):
            measure_codes(tmp_path, SIZES, 100, ["mgi"], 0)


def test_the_command_leaves_a_page_and_tables(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    said = ["audit", "sizes=[2,3]", "rows=100", "scores=[mig,dci_linear,mcc]", "threads=1"]
    main([*said, "hydra.run.dir=out"])
    printed = capsys.readouterr().out
    assert "out/audit.html" in printed
    page, text = ((tmp_path / "out" / f"audit.{end}").read_text() for end in ("html", "md"))
    numbers = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert [each["name"] for each in numbers["scores"]][:2] == ["mig", "dci_linear_disentanglement"]
    lines = (tmp_path / "out" / "audit.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(len(code["scores"]) for code in numbers["codes"])
    plain = page.replace("<b>", "").replace("</b>", "")
    for sentence in numbers["said"]:
        assert escape(sentence) in plain
    assert page.count("<svg") > 20
    assert "rotation" in text
    assert any(line.startswith("| mcc") and line.count("|") == 15 for line in text.splitlines())
    with pytest.raises(SystemExit):
        main(["audit", "sizes=[1,3]", "hydra.run.dir=out2"])
    assert "sizes" in capsys.readouterr().err
