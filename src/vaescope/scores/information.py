"""Records of the scores of information: gaps between latents, and what codes know of factors."""

from typing import Any

from vaescope.scores.record import Family, Score, panel_score

# one table of informations, whose shuffles and resamples are one computation; its scores are chosen
# by their own names
INFORMATION = Family(
    "information", "dlib: latents in 20 bins of equal width, discrete factors as they are"
)
_INFO_MEC = Family(
    "info_mec", "10 neighbours, range above a 20th, entropies as reference", cost="high"
)
_EDI = Family("edi", "20 bins; of the whole code by boosted trees, ours", cost="high")


def _med(name: str, convention: str, best: str, **options: int) -> tuple[Score, Score]:
    family = Family(name, convention, "med", options)
    return (
        panel_score(
            family,
            f"{name}_disentanglement",
            f"DCI's disentanglement with informations as importances{best}",
            "falls with rotation and with latents that two factors share; not copies",
        ),
        panel_score(
            family,
            f"{name}_completeness",
            f"DCI's completeness with informations as importances{best}",
            "splits and copies lower it; dead latents raise it",
        ),
    )


def _of_table(name: str, meaning: str, moved_by: str, **words: Any) -> Score:
    return panel_score(INFORMATION, name, meaning, moved_by, **words)


def _mig(convention: str, line: str, meaning: str, moved_by: str, **limits: Any) -> Score:
    family = Family(f"mig_{convention}", line, "mig", {"convention": convention}, **limits)
    return panel_score(family, family.name, meaning, moved_by)


OF_INFORMATION = (
    _of_table(
        "mig",
        "mutual information gap: how far is a factor's best latent ahead of its second?",
        "copies and rotation lower it; 20 bins set the ceiling for factors of more values",
        symbol="MIG",
        chance="MIG of the same codes with shuffled factors",
        ceiling="MIG that a perfect code reaches with these bins",
    ),
    _of_table(
        "mig_sup",
        "how far is a latent's best factor ahead of its second?",
        "latents that two factors share lower it; copies do not",
    ),
    _of_table(
        "jemmig",
        "MIG with the best latent's own spare entropy as a cost",
        "noise in the best latent raises it; a dead latent costs less than a noisy one",
        good="low",
    ),
    _of_table("dcimig", "do factors have latents to themselves?", "shared latents lower it"),
    _of_table(
        "modularity",
        "does each latent inform about one factor?",
        "pure noise has about 2/3 with five factors: read it beside its chance; copies are free",
    ),
    _of_table("dmig", "MIG that allows for dependent factors", "as MIG"),
    _of_table("xmig", "MIG against latents that hold no other factor", "copies lower it"),
    _of_table("dlig", "MIG-sup that allows for dependent factors", "as MIG-sup"),
    _of_table(
        "minimality",
        "is what a latent knows of the factors one factor?",
        "noise in latents lowers it",
    ),
    _of_table("sufficiency", "does one latent know all of a factor?", "splits and bins lower it"),
    _of_table(
        "axis_alignment",
        "does a factor's best latent know more than all others together?",
        "one copy brings a factor to 0",
    ),
    _mig("dlib", "dlib: latents in 20 bins; as mig", "MIG by its convention's name", "as MIG"),
    _mig(
        "dcf",
        "dcf: factors in 20 bins, too",
        "MIG with factors in 20 bins, too",
        "as MIG; its ceiling is 1",
    ),
    _mig(
        "ksg",
        "ksg: nearest neighbours, no bins",
        "MIG without bins, by nearest neighbours",
        "as MIG; ties and few rows make it noisy",
        cost="high",
    ),
    _mig(
        "chen",
        "chen: of q(z|x), no bins",
        "MIG of sampled codes under q(z|x), as first published",
        "as MIG; wide posteriors lower it, very narrow ones make noise look informative",
        cost="high",
        ceiling=False,
    ),
    panel_score(
        Family("rmig", "of q(z|x) in 100 bins from -4 to 4, nats", cost="high", ceiling=False),
        "rmig",
        "MIG with the encoder's noise, not divided by the factor's entropy, nats",
        "as MIG; wide posteriors lower it",
        "0 to the factors' mean entropy",
    ),
    panel_score(
        _INFO_MEC,
        "info_modularity",
        "does each active latent inform about one factor?",
        "which latents count as active; noise latents make it swing",
    ),
    panel_score(
        _INFO_MEC,
        "info_explicitness",
        "how much of the factors can a linear classifier of the code tell?",
        "not rotation; fitted and scored on the same rows",
    ),
    panel_score(
        _INFO_MEC,
        "info_compactness",
        "is each factor held by one active latent?",
        "splits and copies lower it",
    ),
    *_med("med", "20 bins, entropies as they are", ""),
    *_med("med_top", "the best latent of each factor alone", ", of the best latents", top=1),
    panel_score(
        _EDI,
        "edi_modularity",
        "are the factors served by latents that inform about nothing else?",
        "splits and copies are free; a code that knows nothing may have much of it by chance",
    ),
    panel_score(
        _EDI,
        "edi_compactness",
        "how far is a factor's best latent ahead of all others?",
        "copies and splits lower it; more dead latents raise it",
    ),
    panel_score(
        _EDI,
        "edi_explicitness",
        "what share of the factors' entropy does the whole code hold?",
        "not rotation; the trees' rows",
    ),
)
