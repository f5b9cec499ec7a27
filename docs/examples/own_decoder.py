"""DtO of your own decoder: a VAE in plain torch, measured as trained and with turned latents."""

import math

import torch
from torch import nn

import vaescope

torch.manual_seed(0)
factors = torch.rand(2000, 2)  # brightness of the left half, and of the upper right quarter
images = torch.zeros(2000, 8, 8)
images[:, :, :4], images[:, :4, 4:] = factors[:, :1, None], factors[:, 1:, None]

encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4))
decoder = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Unflatten(1, (8, 8)))
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 3e-3)
for _ in range(1000):
    image = images[torch.randint(len(images), (64,))]
    mean, log_variance = encoder(image).chunk(2, 1)
    rebuilt = decoder(mean + (log_variance / 2).exp() * torch.randn_like(mean))
    kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
    optimizer.zero_grad()
    ((5 * (rebuilt - image) ** 2).sum() + kl).backward()
    optimizer.step()

codes = encoder(images).chunk(2, 1)[0].detach()
print("as trained", vaescope.alignment.dto(decoder, codes[:200]))
turn = math.sqrt(0.5) * torch.tensor([[1.0, 1.0], [-1.0, 1.0]])  # by 45 degrees
print("turned", vaescope.alignment.dto(lambda z: decoder(z @ turn.T), codes[:200] @ turn))
for name, found in (("as trained", codes), ("turned", codes @ turn)):  # the same information
    print(name, vaescope.evaluate(found, factors, scores=["mig"]))
