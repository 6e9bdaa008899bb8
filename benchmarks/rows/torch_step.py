"""The training step of CS-MHL-Net written plainly in PyTorch: equation 6 with its default weights."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from rows.torch_networks import standardise, torch_device

_SCALE, _MARGIN, _POOL = 30.0, 0.35, 2


def make_torch_step(
    teacher: nn.Module,
    student: nn.Module,
    centres: np.ndarray,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
) -> Callable[[dict[str, np.ndarray]], torch.Tensor]:
    """Return a function that trains one step on a batch of pairs, each of one person, and returns equation 6.

    Args:
        teacher: standardised images to the map of equation 5 and the embedding; frozen.
        student: a network like it, which learns.
        centres: (E, classes) float32, W.
        learning_rate: of SGD.
        momentum: of SGD.
        weight_decay: of kernels and W.
    """
    device = torch_device()
    shared = nn.Parameter(torch.from_numpy(centres.copy()).to(device))
    teacher.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    student.train().to(device, memory_format=torch.channels_last)
    kernels = [weight for weight in student.parameters() if weight.dim() > 1] + [shared]
    others = [weight for weight in student.parameters() if weight.dim() == 1]
    groups = [{"params": kernels, "weight_decay": weight_decay}, {"params": others}]
    optimizer = torch.optim.SGD(groups, learning_rate, momentum)

    def step(batch: dict[str, np.ndarray]) -> torch.Tensor:
        names = ("hr", "lr", "hr_label")
        sharp, reduced, labels = (torch.from_numpy(batch[name]).to(device) for name in names)
        with torch.no_grad():
            hr_map, hr = teacher(standardise(sharp))
        lr_map, lr = student(standardise(reduced))
        hr, lr = functional.normalize(hr), functional.normalize(lr)
        cosines = torch.cat([hr, lr]) @ functional.normalize(shared, dim=0)
        labels = torch.cat([labels, labels]).long()
        margins = _MARGIN * functional.one_hot(labels, cosines.shape[1])
        classifier = functional.cross_entropy(_SCALE * (cosines - margins), labels)
        contrastive = (hr - lr).square().sum(dim=1).mean()
        pooled = (functional.max_pool2d(each, _POOL) for each in (hr_map, lr_map))
        total = classifier + contrastive + functional.mse_loss(*pooled)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        return total.detach()

    return step
