"""What every score makes of codes that fail in one way.

The ways are those of Zaidi et al. 2020, https://arxiv.org/abs/2012.09276: noise, rotation, copies,
a factor split over latents, dead latents, a non-linear map, factors without a latent.
"""

import pytest

from vaescope.audit.codes import (
    add_dead,
    bend,
    copy_latents,
    factor_grid,
    rotate,
    split_factors,
)
from vaescope.panel import score_panel

SIZES = (3, 4, 5, 8)
GRID = factor_grid(SIZES, 4 * 3 * 4 * 5 * 8)
STATES, PERFECT, NOISE = GRID.factors, GRID.perfect, GRID.noise(len(SIZES))
LOW_IS_GOOD = {"jemmig", "reduced_accuracy_own", "unfairness"}
CODES = {
    "perfect": PERFECT,
    "some noise": PERFECT + 0.3 * NOISE,
    "noise": PERFECT + NOISE,
    "rotation": rotate(PERFECT, 45),
    "copies": copy_latents(PERFECT, len(SIZES)),
    "split": split_factors(GRID, 1),
    "dead": add_dead(GRID, 2)[0],
    "non-linear": bend(PERFECT, 3),
    "partial": PERFECT[:, 2:],
}

# per score: < lower than for the perfect code by more than 0.03, = within 0.03, ~ within 0.06
#   noise  rotation  copies  split  dead  non-linear  partial
EXPECTED = {
    "mig": "< < < < = ~ <",
    "mig_dlib": "< < < < = ~ <",
    "mig_dcf": "< < < < = ~ <",
    "mig_ksg": "< < < < = = <",
    "mig_sup": "< < = < = ~ =",
    "jemmig": "< < < < = = <",
    "dcimig": "< < = < = ~ <",
    "dmig": "< < < < = ~ <",
    "xmig": "< < < < = ~ <",
    "dlig": "< < = < = ~ =",
    "minimality": "< < = = = = =",
    "sufficiency": "< < = < = ~ <",
    "axis_alignment": "< < < < = = <",
    "modularity": "= < = = = = =",
    "dci_disentanglement": "< < = = = = <",
    "dci_completeness": "< < < < = = <",
    "dci_informativeness": "< = = = = = <",
    "dci_linear_disentanglement": "< < = = = ~ <",
    "dci_linear_completeness": "< < < < = ~ <",
    "dci_linear_informativeness": "< = = = = < <",
    "dci_logistic_disentanglement": "< < = = = = <",
    "dci_logistic_completeness": "< < < < = = <",
    "dci_es_explicitness": "= = = = = < =",
    "sap": "< < < < = > <",
    "sap_continuous": "< < < < = < <",
    "explicitness": "< = = = = = <",
    "factor_vae_score": "= < = = = = <",
    "beta_vae_score": "= < = = = = <",
    "irs": "< < = = = = =",
    "omes": "< < < < = = <",
    "info_modularity": "= < = = = = =",
    "info_compactness": "= < < < = = <",
    "info_explicitness": "< = = = = = <",
    "neighbour_score": "< < < < = = <",
    "mcc": "< < = < = < <",
    "mcc_rank": "< < = < = = <",
    "explained_variance": "< = = = = < <",
    "accuracy_1000_labels": "< = = = = < <",
    "shifted_accuracy": "< = = = = < <",
    "reduced_accuracy_own": "= < < < = = =",
    "reduced_accuracy_others": "< < = = = < <",
    "med_disentanglement": "< < = = = = =",
    "med_completeness": "< < < < = = =",
    "edi_modularity": "< < = = = ~ <",
    "edi_compactness": "< < < < = ~ <",
    "edi_explicitness": "< = = = = = <",
    "snc": "< < = < = = <",
    "nk": "< < < < = = <",
}
FAMILY = {
    "factor_vae_score": "factor_vae",
    "beta_vae_score": "beta_vae",
    "neighbour_score": "neighbours",
    "mcc_rank": "mcc",
    "accuracy_1000_labels": "few_labels",
    "shifted_accuracy": "shifted",
    **{f"med_{part}": "med" for part in ("disentanglement", "completeness")},
    **{f"edi_{part}": "edi" for part in ("modularity", "compactness", "explicitness")},
    **{f"info_{part}": "info_mec" for part in ("modularity", "compactness", "explicitness")},
    **{f"reduced_accuracy_{part}": "reduced" for part in ("own", "others")},
}


def family(name):
    return FAMILY.get(name) or (name.rsplit("_", 1)[0] if name.startswith("dci_") else name)


def scores(name):
    sign = -1 if name in LOW_IS_GOOD else 1
    return {
        way: sign
        * score_panel(
            codes,
            STATES,
            kinds=["ordinal"] * len(SIZES),
            scores=[family(name)],
            repeats=0,
            costly_repeats=0,
        )[name].score
        for way, codes in CODES.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_order_of_scores(name):
    found = scores(name)
    best = found["perfect"]
    ways = ("noise", "rotation", "copies", "split", "dead", "non-linear", "partial")
    for way, sign in zip(ways, EXPECTED[name].split(), strict=True):
        loss = best - found[way]
        holds = {
            "<": loss > 0.03,
            "=": abs(loss) <= 0.03,
            "~": abs(loss) <= 0.06,
            ">": loss < -0.03,
        }
        assert holds[sign], f"{way}: {found[way]:.3f} against {best:.3f} is not {sign}"
    assert best + 0.03 >= found["some noise"] >= found["noise"] - 0.01
