"""Methods that stand for all others where a test takes seconds for each."""

import pytest

# one of each kind: schedule, plain, adversary, pairs, quantised codes, few labels
EXEMPLARS = {"beta_vae_annealed", "vae", "factor_vae", "ada_gvae", "qlae", "s2_beta_vae"}


def thinned(methods):
    """Parameters of a test of every method; the default command runs the exemplars, CI all."""
    return [m if m in EXEMPLARS else pytest.param(m, marks=pytest.mark.slow) for m in methods]
