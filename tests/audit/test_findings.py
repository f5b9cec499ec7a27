"""What an audit says of numbers that are written by hand."""

import math

import pytest

from vaescope.audit.findings import agreement_of, audit
from vaescope.audit.measuring import Measurement
from vaescope.audit.sentences import of_defaults


def measured(name, change, amount=0.0, **scores):
    return Measurement(name, change, amount, 100, scores, dict.fromkeys(scores, 0.5), [])


def made(*more, mig=(1.0, 0.6, 0.2), jemmig=(0.0, 0.5, 1.0), mcc=(1.0, 1.0, 1.0)):
    """Scores of the perfect code and of two rotations; ``mcc`` does not see them."""
    rows = [
        {"mig": a, "jemmig": b, "mcc": c, "dci_disentanglement": a}
        for a, b, c in zip(mig, jemmig, mcc, strict=True)
    ]
    return [
        measured("perfect", "perfect", **rows[0]),
        measured("rotation 20", "rotation", 20, **rows[1]),
        measured("rotation 45", "rotation", 45, **rows[2]),
        measured("medium", "medium", mig=0.7, jemmig=0.4, mcc=0.9, dci_disentanglement=0.7),
        measured("shuffled 1", "shuffled", mig=0.0, jemmig=0.9, mcc=0.0, dci_disentanglement=0.3),
        measured("shuffled 2", "shuffled", mig=0.1, jemmig=0.9, mcc=0.0, dci_disentanglement=0.3),
        *more,
    ]


def scores(*more, **changed):
    return {each.name: each for each in audit(made(*more, **changed)).scores}


def test_losses_are_shares_of_the_range_and_the_good_end_is_up():
    found = scores()
    assert found["mig"].curves["rotation"].losses == pytest.approx([0, 0.4, 0.8])
    assert found["jemmig"].curves["rotation"].losses == pytest.approx([0, 0.5, 1])
    assert found["mig"].curves["rotation"].amounts == [0, 20, 45]
    assert found["mig"].curves["rotation"].seen_from == 20
    assert found["mcc"].curves["rotation"].verdict == "blind"
    assert found["mcc"].sees == []
    assert found["mig"].chance == pytest.approx(0.05)
    assert found["mig"].seconds == 0.5


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.5, 0.4, 0.1), "falls"),
        ((0.5, 0.7, 0.9), "rises"),
        ((0.5, 0.1, 0.3), "falls and rises"),
        ((0.5, 0.9, 0.1), "falls and rises"),
        ((0.5, 0.49, 0.51), "blind"),
    ],
)
def test_verdicts(values, verdict):
    assert scores(mig=values)["mig"].curves["rotation"].verdict == verdict


def test_new_names_and_few_rows_are_held_against_the_medium_code():
    more = (
        measured("other signs", "other signs", mig=0.7, jemmig=0.4, mcc=0.4),
        measured("few rows 2", "few rows", 2, mig=0.8, jemmig=0.4, mcc=0.9),
    )
    found = scores(*more)
    assert found["mig"].moved == {"other signs": 0}
    assert found["mcc"].moved["other signs"] == pytest.approx(0.5)
    assert found["mig"].curves["few rows"].losses == pytest.approx([0, -0.1])
    assert "other signs" not in found["dci_disentanglement"].moved


def test_infinite_values_have_a_place_in_the_order():
    found = scores(jemmig=(0.0, 0.5, math.inf))
    assert found["jemmig"].curves["rotation"].losses[-1] > 1
    assert found["jemmig"].high == pytest.approx(0.9)


def test_agreement_is_kendalls_tau():
    found = audit(made())
    assert agreement_of(found, "mig", "mig") == 1
    # of 15 pairs of codes the shuffles are one in jemmig; it puts them above the second rotation
    tau = agreement_of(found, "mig", "jemmig")
    assert tau == agreement_of(found, "jemmig", "mig") == pytest.approx(10 / math.sqrt(15 * 14))
    flat = audit(made(mcc=(0.5, 0.5, 0.5)))
    assert agreement_of(flat, "mig", "mcc") is not None
    assert found.num_codes == 6


def test_sentences_name_who_sees_what():
    told = " ".join(of_defaults(audit(made())))
    assert "Rotation: all defaults fall." in told
    assert "mig alone sees every change that any default sees (1)" in told
    assert "Codes beside shuffled factors are far from the worst code" not in told
    blind = " ".join(of_defaults(audit(made(mig=(1.0, 1.0, 1.0)))))
    assert "No default score falls by 5% of its range with rotation." in blind
    high = made()
    for number in (4, 5):
        high[number].scores["mig"] = 0.9
    assert "by mig (0.90)" in " ".join(of_defaults(audit(high)))
