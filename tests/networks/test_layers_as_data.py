"""The page's own JavaScript, run by node, gives what torch gives, for every network we have."""

import base64
import json
import shutil
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import vaescope.report.html
from vaescope import networks
from vaescope.networks.layers_as_data import plain_layers

SCRIPT = Path(vaescope.report.html.__file__).parent / "templates" / "decoder.js"
HARNESS = """
const { layers, weights, codes } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const kept = weightsOf(weights);
console.log(JSON.stringify(codes.map((code) => {
  const { values, shape } = decode(layers, kept, code);
  return { values: Array.from(values), shape };
})));
"""
DECODERS = {
    "linear": (networks.linear, (1, 8, 8)),
    "mlp": (partial(networks.mlp, decoder_sizes=(90, 80)), (1, 8, 8)),
    "mlp_relu": (partial(networks.mlp, decoder_sizes=(90,), decoder_activation="relu"), (3, 6, 5)),
    "conv64": (networks.conv64, (1, 64, 64)),
    "conv64_colour": (networks.conv64, (3, 64, 64)),
    "conv": (networks.conv, (3, 33, 18)),
    "conv_large": (networks.conv, (1, 128, 96)),
    "burgess64": (networks.burgess64, (1, 64, 64)),
    "spatial_broadcast": (networks.spatial_broadcast, (1, 16, 16)),
    "spatial_broadcast_odd": (partial(networks.spatial_broadcast, kernel_size=3), (3, 8, 8)),
    "wide_residual": (partial(networks.wide_residual, width=16, num_blocks=1), (3, 16, 16)),
}
node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def by_script(layers, weights, codes):
    halves = weights.half().numpy().astype("<f2").tobytes()
    given = {
        "layers": layers,
        "weights": base64.b64encode(halves).decode(),
        "codes": codes.tolist(),
    }
    source = SCRIPT.read_text() + HARNESS
    done = subprocess.run(
        ["node", "-e", source], input=json.dumps(given), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@node
@pytest.mark.parametrize("name", DECODERS)
def test_the_script_decodes_as_torch(name):
    """Of a dozen codes within 5e-3 from 0 to 1, and 1e-4 of torch's with weights of 16 bits."""
    factory, shape = DECODERS[name]
    decoder = factory(shape, 8, 4)[1].requires_grad_(False)
    codes = 1.5 * torch.randn(12, 4)
    last = [module for module in decoder.modules() if hasattr(module, "weight")][-1]
    for parameter in last.parameters():  # so that pixels use the whole range
        parameter /= 0.5 * decoder(codes).std()
    expected = decoder(codes).sigmoid()
    assert expected.std() > 0.2
    found = plain_layers(decoder)
    made = by_script([*found.layers, {"kind": "sigmoid"}], found.weights, codes)
    assert {tuple(one["shape"]) for one in made} == {shape}
    images = torch.tensor([one["values"] for one in made]).reshape(expected.shape)
    assert float((images - expected).abs().max()) < 5e-3
    rounded = decoder.half().float()(codes).sigmoid()
    assert float((images - rounded).abs().max()) < 1e-4


@node
def test_odd_layers_that_no_network_of_ours_has():
    layers = nn.Sequential(
        *(nn.Linear(4, 18), nn.LeakyReLU(0.3), nn.Unflatten(1, (2, 3, 3)), nn.SiLU()),
        nn.ConvTranspose2d(2, 4, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 1)),
        *(nn.Upsample(scale_factor=2), nn.GroupNorm(2, 4), nn.ELU(0.7), nn.ZeroPad2d((1, 0, 2, 3))),
        *(nn.Conv2d(4, 1, (2, 3), stride=(2, 1), padding=(0, 1)), nn.Flatten(), nn.Dropout()),
    ).eval()
    codes = torch.randn(3, 4)
    with torch.no_grad():
        expected = layers(codes)
    found = plain_layers(layers)
    made = np.array([one["values"] for one in by_script(found.layers, found.weights, codes)])
    assert made == pytest.approx(expected.numpy(), abs=3e-3)


@pytest.mark.parametrize(
    "module",
    [nn.LSTM(4, 4), nn.Conv2d(4, 4, 3, groups=2), nn.Linear(4, 4, bias=False), nn.BatchNorm1d(4)],
)
def test_what_is_not_known_is_not_guessed(module):
    assert plain_layers(nn.Sequential(nn.Linear(4, 4), module)) is None
