"""One fast, exact loss in a training loop of your own: SimCLR on digits placed anywhere on a canvas.

python examples/drop_in_loss.py
"""

import torch
from sklearn.linear_model import LogisticRegression

from gnnclr.losses import NTXentLoss
from gnnclr.vision import RandomAffine, Views, digits_canvas

torch.manual_seed(0)
data = digits_canvas(size=12)
views = Views([RandomAffine(degrees=10, translate=(0.3, 0.3), scale=(0.9, 1.1))])

encoder = torch.nn.Sequential(
    torch.nn.Conv2d(1, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
    torch.nn.Conv2d(32, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.AdaptiveMaxPool2d(2), torch.nn.Flatten(),
)  # fmt: skip
head = torch.nn.Linear(256, 64)
loss_fn = NTXentLoss(temperature=0.2)
optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=2e-3)

images = data.train.images
for epoch in range(40):
    for index in torch.randperm(len(images)).split(256):
        z0, z1 = (head(encoder(view)) for view in views(images[index]))
        loss = loss_fn(z0, z1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1:3}: loss {loss.item():.3f}")

with torch.no_grad():
    for name, features in (("pixels", torch.nn.Flatten()), ("features", encoder)):
        x, test = (features(views.plain(part.images)) for part in (data.train, data.test))
        probe = LogisticRegression(max_iter=2000).fit(x, data.train.labels)
        print(f"{name:8}: a linear classifier gets {probe.score(test, data.test.labels):.1%} of the test digits right")
