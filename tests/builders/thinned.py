"""Cases that stand for all others where a test takes seconds for each."""

import pytest

# methods, one of each kind: schedule, plain, adversary, pairs, quantised codes, few labels, state
EXEMPLARS = {
    *("beta_vae_annealed", "vae", "factor_vae", "ada_gvae", "qlae", "s2_beta_vae", "control_vae"),
}


def thinned(cases, kept=EXEMPLARS):
    """Parameters of a test; the default command runs those that are kept, CI all."""
    return [c if c in kept else pytest.param(c, marks=pytest.mark.slow) for c in cases]
