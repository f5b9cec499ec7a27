"""Search spaces in Hydra's own words."""

import math

import pytest

from vaescope.errors import ConfigError
from vaescope.sweeps.constraints import Constraint, constraints_of, violations_of
from vaescope.sweeps.recorded_words import refuse_code
from vaescope.sweeps.space import Choice, Interval, Steps, space_of


def only(word):
    (parameter,) = space_of([word], {}).parameters
    return parameter


@pytest.mark.parametrize(
    ("word", "parameter", "values"),
    [
        ("a.b=interval(1,16)", Interval("a.b", 1.0, 16.0), ["1.0", "4.75", "12.25"]),
        ("a=int(interval(1,4))", Interval("a", 1, 4, whole=True), ["1", "2", "4"]),
        (
            "a=tag(log,interval(1e-4,1e-2))",
            Interval("a", 1e-4, 1e-2, log=True),
            ["0.0001", "0.00031622776601683794", "0.0031622776601683794"],
        ),
        ("a=range(1,9,2)", Steps("a", range(1, 9, 2)), ["1", "3", "7"]),
        ("a=range(4,0,-1)", Steps("a", range(1, 5)), ["1", "2", "4"]),
        ("a=range(0.5,2.5,0.5)", Steps("a", (0.5, 1.0, 1.5, 2.0)), ["0.5", "1.0", "2.0"]),
        ("a=vae,'b c',[1,2],null", Choice("a", ("vae", "'b c'", "[1,2]", "null")), None),
        ("+a=choice(1,2)", Choice("+a", ("1", "2")), None),
    ],
)
def test_what_words_leave_open(word, parameter, values):
    found = only(word)
    assert (type(found), str(found)) == (type(parameter), str(parameter))
    shares = (0.0, 0.25, 0.75)
    told = [found.word(found.at(share)) for share in shares]
    expected = values or [parameter.words[int(share * len(parameter.words))] for share in shares]
    for each, value in zip(told, expected, strict=True):
        key, _, text = each.partition("=")
        assert key == found.name
        exact = values is None or "." not in value
        assert text == value if exact else math.isclose(float(text), float(value), rel_tol=1e-12)
    assert only(f"{found.name}={found}") == found  # its own words, as on record


def test_whole_numbers_are_drawn_alike_often():
    parameter = only("a=int(interval(3,6))")
    values = [parameter.at((n + 0.5) / 400) for n in range(400)]
    assert {value: values.count(value) for value in values} == dict.fromkeys((3, 4, 5, 6), 100)
    assert parameter.at(1 - 2**-53) == 6


def test_the_last_word_counts_and_the_fixed_ones_stay_as_typed():
    words = ["b=1", "a=1,2", "~c", "+d={e:1}", "a=interval(0,1)", "b='x y'"]
    space = space_of(words, {"f": "range(3)", "b": "3,4"})
    assert space.fixed == ("b='x y'", "~c", "+d={e:1}")
    assert [str(each) for each in space.parameters] == ["range(0,3,1)", "interval(0.0,1.0)"]
    assert space.words({"a": 0.5, "f": 2}) == [*space.fixed, "f=2", "a=0.5"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a=interval(2,1)"], "a=interval(2,1): an interval needs a lower and a higher end"),
        (["a=interval(1,1)"], "an interval needs a lower"),
        (["a=interval(0,inf)"], "both finite"),
        (["a=tag(log,interval(0,1))"], "both ends are above 0"),
        (["a=tag(lgo,interval(1,2))"], "the one tag is log"),
        (["a=tag(log,range(1,9))"], "the one tag is log, and of an interval"),
        (["a=range(3,3)"], "there is no value in it"),
        (["a=1"], "there is nothing to search: leave a value open"),
    ],
)
def test_empty_spaces_are_refused(words, told):
    with pytest.raises(ConfigError) as refused:
        space_of(words, {})
    assert told in str(refused.value)


def test_constraints():
    least, most = constraints_of({"val/active_latents": ">= 5", "align/dto": "<=.5"})
    assert (least, most) == (
        Constraint("val/active_latents", True, 5.0),
        Constraint("val/dto", False, 0.5),
    )
    rows = [{"align/active_latents": 4.0, "align/dto": 0.2}, {"align/active_latents": 5.0}]
    broken = violations_of([least, most], [], rows)
    assert broken == pytest.approx({"val/active_latents >= 5": 0.5, "val/dto <= 0.5": -0.3})
    with pytest.raises(ConfigError, match="the run has no score 'mig'"):
        violations_of(constraints_of({"mig": ">= 1"}), [], rows)


@pytest.mark.parametrize("given", [{"mig": "5"}, {"mig": "> 5"}, {"mig": ">= x"}, ["mig"], "mig"])
def test_what_is_no_constraint_is_refused(given):
    with pytest.raises(
        ConfigError, match=r"hydra\.sweeper\.constraints: .* give scores and bounds"
    ):
        constraints_of(given)


def test_recorded_words_of_a_search_are_repeated_and_code_is_not(tmp_path):
    search = "hydra.sweeper."
    words = [
        *("hydra/sweeper=optuna", f"{search}n_trials=30", f"{search}sampler=tpe"),
        *("model.beta=interval(1,16)", "optimizer.lr=tag(log,interval(1e-4,1e-2))"),
        f'{search}constraints={{val/active_latents: ">= 5", mig: ">= 0.1"}}',
    ]
    refuse_code(words, tmp_path)
    for word in (
        f"{search}storage=sqlite:////tmp/x",
        f"{search}params={{a: 1}}",
        f'{search}constraints={{_target_: "os.system"}}',
        f'{search}constraints={{mig: ">= ${{x}}"}}',
        f"{search}sampler_options={{a: 1}}",
    ):
        with pytest.raises(ConfigError, match="which a file may not say"):
            refuse_code([word], tmp_path)
