"""Which latent is which factor, in words: closed forms, damaged files, no claim without numbers."""

import json
from dataclasses import replace

import pytest

from vaescope.report.run.latent_meanings import factors_found, heat_rows, latent_name
from vaescope.report.run.latent_pages import heat_maps, live_decoder, picture_strips
from vaescope.run_folder.decoder_file import write_decoders
from vaescope.run_folder.latents_file import (
    NAME,
    Latent,
    Latents,
    plain_latents,
    read_latents,
    write_latents,
)
from vaescope.run_folder.pictures_file import NAME as PICTURES
from vaescope.run_folder.pictures_file import Pictures, Strip, read_pictures, write_pictures

CHANCE, NOISE = (0.1, 0.1), (0.01, 0.01)


def latent(number, *information, is_used=True, cosines=(1.0, 0.2, 0.0)):
    about = {"chance": CHANCE, "noise": NOISE, "cosines": cosines}
    return Latent(number, is_used, 1.0, 0.1 * (1 + number), 2.0, information, **about)


FOUND = Latents(
    seed=0,
    split="test",
    num_samples=1000,
    num_jacobians=64,
    factors=("position_y", "size"),
    varying=(True, True),
    ceilings=(0.9, 1.0),
    latents=(
        latent(2, 0.82, 0.1),  # nine tenths of the way from 0.1 to 0.9
        latent(0, 0.5, 0.46, cosines=(0.3, 1.0, 0.1)),
        latent(1, 0.12, 0.12, is_used=False),
    ),
)


def test_latents_are_named_by_what_they_know_beyond_chance():
    names = [latent_name(FOUND, each) for each in FOUND.latents]
    assert names == ["z2: position y, 90 %", "z0: position y, 50 % and size, 40 %", "z1"]


def test_what_shuffles_may_bring_is_no_knowledge():
    noisy = [replace(each, noise=(0.4, 0.4)) for each in FOUND.latents]
    assert [latent_name(FOUND, each) for each in noisy] == ["z2", "z0", "z1"]


def test_factors_that_are_found_and_those_that_are_not():
    told = factors_found(FOUND)
    assert "Of the 2 factors that vary, 1 are known by a single latent" in told
    assert told.endswith("position y (z2); not size.")
    still = replace(FOUND, varying=(False, False))
    assert factors_found(still) == factors_found(replace(FOUND, latents=())) == ""


def test_heat_maps_have_the_latents_in_use_and_fold_the_others():
    shown = heat_maps(FOUND, several=False)
    assert [row.short for row in shown["used"]] == ["z2", "z0"]
    assert [row.short for row in shown["unused"]] == ["z1"]
    first, second = heat_rows(FOUND, FOUND.latents[:2])
    assert [field.text for field in first.information] == ["90", "0"]
    assert [field.text for field in second.cosines] == ["0.10", "2"]  # with z2; its own length
    assert heat_maps(None, several=False) is None


def test_the_file_is_read_back_and_a_damaged_one_is_none(tmp_path):
    write_latents(tmp_path, FOUND)
    assert heat_maps(read_latents(tmp_path), False) == heat_maps(FOUND, False)
    content = json.loads((tmp_path / NAME).read_text())
    for key, value in (
        ("ceilings", [1.0]),
        ("latents", [{"number": 0}]),
        ("latents", content["latents"][:2]),
        ("varying", None),
        ("num_samples", float("nan")),
    ):
        (tmp_path / NAME).write_text(json.dumps(content | {key: value}))
        assert read_latents(tmp_path) is None, key
    (tmp_path / NAME).write_text("[")
    assert read_latents(tmp_path) is None


def test_traversals_are_named_and_what_is_switched_off_is_folded(tmp_path):
    strips = tuple(Strip(j, change, "AAAA") for j, change in ((2, 0.21), (0, 0.3), (1, 0.004)))
    found = Pictures((-2.0, 0.0, 2.0), strips, "AAAA", "BBBB", (0.1, 0.02))
    write_pictures(tmp_path, found)
    shown = picture_strips(read_pictures(tmp_path), FOUND, False)
    assert shown == picture_strips(found, FOUND, False)
    assert next(name for name, _ in shown["shown"]) == "z2: position y, 90 %"
    assert [name for name, _ in shown["folded"]] == ["z1"]
    assert shown["columns"] == ["−2", "0", "2"]
    assert "z0 0.3, z2 0.21, those switched off at most 0.004." in shown["note"]
    assert "off by 0.02 to 0.1" in shown["rebuilt_note"]
    for key, value in (("values", []), ("errors", [float("nan")]), ("given", 3), ("strips", [1])):
        content = json.loads((tmp_path / PICTURES).read_text()) | {key: value}
        (tmp_path / PICTURES).write_text(json.dumps(content))
        assert read_pictures(tmp_path) is None, key
        write_pictures(tmp_path, found)
    assert picture_strips(None, FOUND, False) is None


ROWS = {"shape": [1, 1, 1], "sliders": [0], "reach": [2.0], "codes": [[0.0]], "images": ["A"]}
ROWS |= {"directions": [[[1.0]]], "stretches": [[1.0]]}
BEFORE = {"starts": [{"plain": "A", "moved": "A"}], "shares": [-1.0, 1.0], "error": 0.03}
HERE = {"layers": [], "weights": "", "scales": ""}


def test_the_note_says_what_is_exact(tmp_path):
    (tmp_path / "decoder.json").write_text(json.dumps(ROWS | BEFORE))  # of an earlier version
    note = live_decoder(tmp_path, FOUND, [0])["note"]
    assert "to 2 values across its range; such images are exact" in note
    assert "off by 0.03" in note
    write_decoders(tmp_path, [ROWS | HERE])
    assert "runs in this page" in live_decoder(tmp_path, FOUND, [0])["note"]


@pytest.mark.parametrize(
    ("inside", "seeds", "chosen", "told"),
    [
        ([0], [0], [], ""),
        ([0], [0, 1], [], "Of 2 seeds, this page has the decoder of seed 0: it carries at most"),
        ([0, 1], [0, 1, 2], [0, 1], "Of 3 seeds, this page has the decoders of seeds 0, 1: it"),
        ([0, 1], [0, 1], [0, 1], ""),
    ],
)
def test_the_page_says_which_members_it_has(tmp_path, inside, seeds, chosen, told):
    members = [{"latents": plain_latents(replace(FOUND, seed=seed))} for seed in inside]
    write_decoders(tmp_path, [each | ROWS | HERE for each in members])
    found = live_decoder(tmp_path, None, seeds)
    assert found["seeds"] == chosen
    assert found["left_out"].startswith(told)
    assert bool(found["left_out"]) == bool(told)
    names = [each["names"] for each in found["data"]["members"]]
    assert names == [["z0: position y, 50 % and size, 40 %"]] * len(inside)


@pytest.mark.parametrize("text", ["", "[]", '{"shape": [1, 2, 2]}', '{"members": 3}', "null"])
def test_no_decoder_no_slider(tmp_path, text):
    (tmp_path / "decoder.json").write_text(text)
    assert live_decoder(tmp_path, None, [0]) is None
