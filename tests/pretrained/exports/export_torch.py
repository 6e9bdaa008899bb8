"""Write the files torch_*.onnx next to this script.

Run with torch 2.13.0 (CPU), onnx 1.23.2, onnxscript 0.7.2 and Python 3.11. The weights are random.
"""

from pathlib import Path

import onnx
import torch
from torch import nn
from torch.nn import functional

HERE = Path(__file__).parent
SIZE = (32, 28)


class Mobile(nn.Module):
    """Depthwise blocks with PReLU, hard swish and squeeze-and-excite, and a global depthwise convolution."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.PReLU(8))
        self.depthwise = nn.Conv2d(8, 8, 3, 2, 1, groups=8)
        self.swish = nn.Hardswish()
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.excite = nn.Conv2d(4, 8, 1)
        self.last = nn.Sequential(nn.Conv2d(8, 16, 1), nn.BatchNorm2d(16), nn.PReLU())
        self.whole = nn.Conv2d(16, 16, (8, 7), groups=16)
        self.dense = nn.Linear(16, 8)
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x):
        x = self.swish(self.depthwise(self.stem(x)))
        x = x * functional.hardsigmoid(self.excite(functional.relu6(self.squeeze(x.mean((2, 3), keepdim=True)))))
        x = self.whole(self.last(x))
        return self.norm(self.dense(x.view(x.size(0), -1)))


class MaxFeatureMap(nn.Module):
    """A convolution or dense layer, of which each pair of channels keeps the larger."""

    def __init__(self, layer, channels):
        super().__init__()
        self.layer, self.channels = layer, channels

    def forward(self, x):
        one, other = torch.split(self.layer(x), self.channels, 1)
        return torch.max(one, other)


class LightCnn(nn.Module):
    """LightCNN's blocks: max-feature-map, pooling by maximum plus mean, a residual block."""

    def __init__(self):
        super().__init__()
        self.first = MaxFeatureMap(nn.Conv2d(3, 12, 5, 1, 2), 6)
        self.block = nn.Sequential(
            MaxFeatureMap(nn.Conv2d(6, 12, 3, 1, 1), 6), MaxFeatureMap(nn.Conv2d(6, 12, 3, 1, 1), 6)
        )
        self.second = MaxFeatureMap(nn.Conv2d(6, 16, 3, 1, 1), 8)
        self.dense = MaxFeatureMap(nn.Linear(8 * 8 * 7, 16), 8)

    def pool(self, x):
        return functional.max_pool2d(x, 2, ceil_mode=True) + functional.avg_pool2d(x, 2, ceil_mode=True)

    def forward(self, x):
        x = self.pool(self.first(x))
        x = self.pool(self.second(self.block(x) + x))
        return functional.dropout(self.dense(torch.flatten(x, 1)), training=self.training)


class Residual(nn.Module):
    """A pre-activated residual block; the end is a unit vector, a feature with its norm, or a vector."""

    def __init__(self, end):
        super().__init__()
        self.end = end
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.PReLU(8))
        self.body = nn.Sequential(
            *(nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, 1, 1), nn.PReLU(8), nn.Conv2d(8, 8, 3, 2, 1)),
            nn.BatchNorm2d(8),
        )
        self.short = nn.MaxPool2d(1, 2)
        self.dense = nn.Sequential(nn.BatchNorm2d(8), nn.Dropout(0.4), nn.Flatten(), nn.Linear(8 * 16 * 14, 8))
        self.norm = nn.BatchNorm1d(8, affine=False)

    def forward(self, x):
        x = self.stem((x - 0.1) / 1.2)
        x = functional.gelu(self.body(x)) + functional.silu(self.short(x))
        x = self.norm(self.dense(functional.elu(x)))
        if self.end == "unit":
            return functional.normalize(x)
        if self.end == "norm":
            norm = torch.norm(x, 2, 1, True)
            return torch.div(x, norm), norm
        return x


class Padded(nn.Module):
    """Padding by reflection, edges and a constant, slices, a mean over channels, Softplus and a learnt scale."""

    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(3, 8, 3)
        self.two = nn.Conv2d(8, 8, 3, 2)
        self.scale = nn.Parameter(torch.rand(8, 1, 1) + 0.5)
        self.dense = nn.Linear(8, 8)

    def forward(self, x):
        x = functional.leaky_relu(self.one(functional.pad(x[:, [2, 1, 0]], (1, 1, 1, 1), mode="reflect")), 0.1)
        x = functional.softplus(self.two(functional.pad(x, (0, 1, 2, 1), mode="replicate"))) * self.scale
        x = functional.pad(x, (1, 0, 0, 2), value=0.3)[:, :, 1:, :-1]
        centred = x - x.mean(1, keepdim=True)
        x = centred.pow(2).clamp(min=0.01).sqrt() - torch.tanh(x) + torch.exp(-x.abs())
        x = torch.cat(torch.chunk(x, 2, 1)[::-1], 1)
        return self.dense(functional.adaptive_avg_pool2d(x, 1).flatten(1))


def with_statistics(network):
    """Return the network with random averages in its batch norms, for inference."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.5, 1.5)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0.1, 0.4)
    return network.eval()


def main():
    """Export every network with both exporters."""
    torch.manual_seed(0)
    networks = {
        "mobile": Mobile(),
        "lightcnn": LightCnn(),
        "unit": Residual("unit"),
        "norm": Residual("norm"),
        "padded": Padded(),
    }
    image = torch.rand(2, 3, *SIZE)
    for name, network in networks.items():
        network = with_statistics(network)
        old = {"dynamo": False, "opset_version": 11 if name in ("norm", "lightcnn") else 17}
        batch = {"input_names": ["input"], "dynamic_axes": {"input": {0: "batch"}}}
        torch.onnx.export(network, (image,), HERE / f"torch_script_{name}.onnx", **old, **batch)
        dynamic = ({0: torch.export.Dim("batch")},)
        program = torch.onnx.export(network, (image,), dynamo=True, dynamic_shapes=dynamic)
        program.save(HERE / f"torch_dynamo_{name}.onnx", external_data=False)
    fixed, half = with_statistics(Residual("vector")), with_statistics(Residual("unit")).half()
    torch.onnx.export(fixed, (image[:1],), HERE / "torch_script_fixed.onnx", dynamo=False, opset_version=9)
    torch.onnx.export(half, (image[:1].half(),), HERE / "torch_script_half.onnx", dynamo=False, opset_version=13)
    program = torch.onnx.export(half, (image[:1].half(),), dynamo=True)
    program.save(HERE / "torch_dynamo_half.onnx", external_data=False)
    for path in HERE.glob("torch_*.onnx"):
        without_places(path)


def without_places(path):
    """Remove the places in the source code that the exporter notes, which contain folders of this machine."""
    model = onnx.load(path)
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.save(model, path)


if __name__ == "__main__":
    main()
