"""Write the files paddle_*.onnx next to this script.

Run with paddlepaddle 3.3.1 (CPU), paddle2onnx 2.1.0 and Python 3.11. The weights are random.
"""

import tempfile
from pathlib import Path

import paddle
from paddle import nn
from paddle.nn import functional

HERE = Path(__file__).parent
SIZE = (32, 28)


class Mobile(nn.Layer):
    """Depthwise blocks with PReLU, hard swish and squeeze-and-excite, and a global depthwise convolution."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2D(3, 8, 3, 2, 1, bias_attr=False), nn.BatchNorm2D(8), nn.PReLU(8))
        self.depthwise = nn.Conv2D(8, 8, 3, 2, 1, groups=8)
        self.squeeze, self.excite = nn.Conv2D(8, 4, 1), nn.Conv2D(4, 8, 1)
        self.last = nn.Sequential(nn.Conv2D(8, 16, 1), nn.BatchNorm2D(16), nn.PReLU())
        self.whole = nn.Conv2D(16, 16, (8, 7), groups=16)
        self.dense, self.norm = nn.Linear(16, 8), nn.BatchNorm1D(8)

    def forward(self, x):
        x = functional.hardswish(self.depthwise(self.stem(x)))
        scale = functional.relu(self.squeeze(functional.adaptive_avg_pool2d(x, 1)))
        x = self.last(x * functional.hardsigmoid(self.excite(scale)))
        return self.norm(self.dense(paddle.flatten(self.whole(x), 1)))


class LightCnn(nn.Layer):
    """Max-feature-maps, by a split and by slices, and pooling."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2D(3, 12, 5, 1, 2), nn.Conv2D(6, 16, 3, 1, 1)
        self.dense = nn.Linear(8 * 8 * 7, 8)

    def forward(self, x):
        one, other = paddle.split(self.one(x), 2, 1)
        x = functional.max_pool2d(paddle.maximum(one, other), 2, ceil_mode=True)
        x = self.two(x)
        x = functional.avg_pool2d(paddle.maximum(x[:, :8], x[:, 8:]), 3, 2, 1)
        return self.dense(paddle.reshape(x, (x.shape[0], -1)))


class Residual(nn.Layer):
    """A residual block with several activations, whose end is a unit vector."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2D(3, 8, 3), nn.BatchNorm2D(8))
        self.body = nn.Sequential(nn.Conv2D(8, 8, 3, 2, 1), nn.BatchNorm2D(8))
        self.dense = nn.Linear(8, 8)

    def forward(self, x):
        x = functional.swish(self.stem(functional.pad(x, (1, 1, 1, 1), mode="reflect")))
        x = functional.gelu(self.body(x)) + functional.leaky_relu(functional.max_pool2d(x, 1, 2))
        x = (
            functional.elu(functional.pad(x, (1, 0, 0, 1)))
            - paddle.tanh(paddle.clip(x.mean(1, True), 0, 1))[:, :, :1, :1]
        )
        return functional.normalize(self.dense(x.mean((2, 3))))


def with_statistics(network):
    """Return the network with random averages in its batch norms, for inference."""
    for name, value in network.state_dict().items():
        if name.endswith("_mean") or name.endswith("_variance"):
            low, high = (-0.3, 0.3) if name.endswith("_mean") else (0.5, 1.5)
            value.set_value(paddle.uniform(value.shape, min=low, max=high))
    network.eval()
    return network


def main():
    """Export every network, the last with a fixed number of images."""
    import paddle2onnx

    paddle.seed(0)
    for network, batch in ((Mobile(), None), (LightCnn(), None), (Residual(), 1)):
        name = type(network).__name__.lower()
        image = paddle.static.InputSpec([batch, 3, *SIZE], "float32", "image")
        with tempfile.TemporaryDirectory() as folder:
            paddle.jit.save(with_statistics(network), f"{folder}/network", [image])
            description = next(path for end in ("json", "pdmodel") for path in Path(folder).glob(f"network.{end}"))
            paths = str(description), f"{folder}/network.pdiparams", str(HERE / f"paddle_{name}.onnx")
            paddle2onnx.export(*paths, optimize_tool="None")


if __name__ == "__main__":
    main()
