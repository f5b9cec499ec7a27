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
from vaescope.alignment import decoder_gram, right_singular_vectors
from vaescope.networks.layers_as_data import packed_weights, plain_layers

SCRIPT = Path(vaescope.report.html.__file__).parent / "templates" / "decoder.js"
HARNESS = """
const { layers, packed, codes } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const kept = weightsOf(packed);
console.log(JSON.stringify(codes.map((code) => {
  const { values, shape } = decode(layers, kept, code);
  const column = (_, j) => columnAt(layers, kept, code, j, values);
  const local = DIRECTIONS ? singularVectors(code.map(column)) : [];
  return { values: Array.from(values), shape, local };
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


def by_script(layers, weights, codes, *, with_directions=False):
    given = {"layers": layers, "packed": packed_weights(weights), "codes": codes.tolist()}
    harness = HARNESS.replace("DIRECTIONS", str(with_directions).lower())
    done = subprocess.run(
        ["node", "-e", SCRIPT.read_text() + harness],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@node
@pytest.mark.parametrize("name", DECODERS)
def test_the_script_decodes_as_torch(name):
    """Of a dozen codes within 1e-3 from 0 to 1, a quarter of a grey level."""
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
    assert float((images - expected).abs().max()) < 1e-3


def test_a_weight_in_16_bits_is_off_by_a_65534th_of_the_largest_near_it():
    weights = torch.cat([torch.randn(1000), 100 * torch.randn(24), torch.zeros(302)])
    packed = {name: base64.b64decode(text) for name, text in packed_weights(weights).items()}
    whole = torch.tensor(np.frombuffer(packed["weights"], "<i2").astype(np.float32))
    scales = torch.tensor(np.frombuffer(packed["scales"], "<f4").copy()).repeat_interleave(64)
    blocks = torch.cat([weights, torch.zeros(-len(weights) % 64)]).reshape(-1, 64)
    allowed = (blocks.abs().amax(1) / 65534).repeat_interleave(64)[: len(weights)]
    assert ((whole * scales[: len(weights)] - weights).abs() <= allowed * 1.001).all()


@node
def test_directions_of_the_script_are_those_of_the_jacobian():
    decoder = networks.mlp((1, 6, 6), 8, 5, decoder_sizes=(40,))[1].requires_grad_(False)
    codes, found = torch.randn(4, 5), plain_layers(decoder)
    last = [*found.layers, {"kind": "sigmoid"}]
    made = by_script(last, found.weights, codes, with_directions=True)
    gram = decoder_gram(lambda z: decoder(z).sigmoid(), codes)
    vectors, values = right_singular_vectors(gram)
    for one, expected, sizes in zip(made, vectors, values, strict=True):
        assert [each["value"] for each in one["local"]] == pytest.approx(sizes.tolist(), rel=5e-3)
        turned = torch.tensor([each["vector"] for each in one["local"]], dtype=torch.float64)
        assert (turned @ turned.T - torch.eye(5)).abs().max() < 1e-9
        assert ((turned @ expected.double()).diagonal().abs() > 0.999).all()


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
