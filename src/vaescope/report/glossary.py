"""What every logged number means, in one line: for tables and for the report."""

GLOSSARY = {
    "loss": "sum of the loss terms; low is good",
    "reconstruction": "reconstruction loss per observation, summed over pixels",
    "kl": "beta x KL(q(z|x) || prior) per observation",
    "kl_total": "KL(q(z|x) || prior), nats per observation",
    "mig": "mutual information gap; 1: each factor in one latent",
    "mig_chance": "MIG of the same codes with shuffled factors",
    "mig_ceiling": "MIG that a perfect code reaches with these bins",
    "active_by_mean": "latents whose mean has a std > 0.5 (CVPR 2019)",
    "active_by_variance": "latents with a variance < 0.8 (ICML 2021)",
    "polarization_gap": "of the KL to its polarized form; < 0.03 is polarized",
    "polarized_share": "share of training with that gap < 0.03 to the end",
    "dto": "distance to orthogonality, all latents; 0 is orthogonal",
    "dto_chance": "the same of a random rotation (Haar)",
    "dto_ratio": "dto / dto_chance; 1 is chance, 0 is orthogonal",
    "active_latents": "latents that the statistics of the active ones are about",
    "dto_active": "distance to orthogonality, active latents",
    "dto_active_chance": "the same of a random rotation of as many latents",
    "dto_active_ratio": "dto_active / dto_active_chance; 1 is chance, 0 is orthogonal",
    "dto_active_loss_metric": "dto_active in the loss's own metric (theory: 0)",
    "dto_active_loss_metric_chance": "the same of a random rotation",
    "dto_active_loss_metric_ratio": "the two's ratio; 1 is chance, 0 is orthogonal",
    "variance_relation": "median s_j^2 (1 + c_j^T H c_j / beta), active; theory: 1",
}


def name_of(key: str) -> str:
    """The quantity in a log key: ``val/mig`` -> ``mig``."""
    return key.rsplit("/", 1)[-1]


def in_order(keys: list[str]) -> list[str]:
    """The keys that the glossary explains, in its order."""
    known = list(GLOSSARY)
    return sorted(
        (k for k in keys if name_of(k) in GLOSSARY), key=lambda k: known.index(name_of(k))
    )
