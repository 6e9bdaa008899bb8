"""The measured networks in PyTorch, with the library's weights: facenet-pytorch's, and MobileFaceNet.

Each maps standardised images (batch, 3, height, width) to the map after block C and the embedding, not normalised.
"""

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import keras
import numpy as np
import torch
from torch import nn

from cshml_tf.recogniser import backbone_of
from rows.machine import gpus

# The prefixes of facenet-pytorch's modules, and of FaceNet's layers, which have the library's names.
_STEM = {
    "conv2d_1a": "Conv2d_1a_3x3",
    "conv2d_2a": "Conv2d_2a_3x3",
    "conv2d_2b": "Conv2d_2b_3x3",
    "conv2d_3b": "Conv2d_3b_1x1",
    "conv2d_4a": "Conv2d_4a_3x3",
    "conv2d_4b": "Conv2d_4b_3x3",
}
_BLOCKS = {f"repeat_1.{number}": f"Repeat.block35_{number + 1}" for number in range(5)}
_BLOCKS |= {f"repeat_2.{number}": f"Repeat_1.block17_{number + 1}" for number in range(10)}
_BLOCKS |= {f"repeat_3.{number}": f"Repeat_2.block8_{number + 1}" for number in range(5)}
_BLOCKS |= {"mixed_6a": "Mixed_6a", "mixed_7a": "Mixed_7a", "block8": "Block8"}


def torch_network(name: str, recogniser: keras.Model) -> nn.Module:
    """Return a network with a recogniser's weights.

    Args:
        name: of the backbone.
        recogniser: as the library builds it.

    Raises:
        ValueError: there is no such network in PyTorch here.
    """
    if name == "inception_resnet_v1":
        return FacenetNetwork(recogniser)
    if name == "mobilefacenet":
        return MobileFaceNet(recogniser)
    raise ValueError(f"no {name} in PyTorch")


def torch_device() -> torch.device:
    """Return the kind of device that the library computes on too."""
    return torch.device("cuda" if gpus() and torch.cuda.is_available() else "cpu")


def standardise(faces: torch.Tensor) -> torch.Tensor:
    """Standardise each of (batch, height, width, 3) faces: (batch, 3, height, width) float32, channels last."""
    pixels = faces.permute(0, 3, 1, 2).float()
    deviation, mean = torch.std_mean(pixels, dim=(1, 2, 3), correction=0, keepdim=True)
    return (pixels - mean) / deviation.clamp(min=pixels[0].numel() ** -0.5)


class FacenetNetwork(nn.Module):
    """facenet-pytorch's Inception-ResNet-v1, with the stride of its stem pool set to the recogniser's."""

    def __init__(self, recogniser: keras.Model) -> None:
        super().__init__()
        backbone = backbone_of(recogniser)
        self.network = _facenet_module("inception_resnet_v1").InceptionResnetV1()
        # It is 2 in facenet-pytorch, as in FaceNet.
        self.network.maxpool_3a.stride = backbone.get_layer("MaxPool_3a_3x3").strides[0]
        self.network.dropout.p = _dropout(backbone)
        for path, module in self.network.named_modules():
            if hasattr(module, "conv"):
                name = _layer_name(backbone, path)
                _copy_kernel(module.conv, backbone.get_layer(name))
                _copy_norm(module.bn, backbone.get_layer(f"{name}.BatchNorm"))
            elif path.endswith("conv2d"):
                _copy_kernel(module, backbone.get_layer(f"{_BLOCKS[path.removesuffix('.conv2d')]}.Conv2d_1x1"))
        _copy_kernel(self.network.last_linear, backbone.get_layer("Bottleneck"))
        _copy_norm(self.network.last_bn, backbone.get_layer("Bottleneck.BatchNorm"))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the map after the fifth block C, and the embedding."""
        net = self.network
        x = net.maxpool_3a(net.conv2d_2b(net.conv2d_2a(net.conv2d_1a(images))))
        x = net.repeat_1(net.conv2d_4b(net.conv2d_4a(net.conv2d_3b(x))))
        last_map = net.repeat_3(net.mixed_7a(net.repeat_2(net.mixed_6a(x))))
        x = net.dropout(net.avgpool_1a(net.block8(last_map))).flatten(1)
        return last_map, net.last_bn(net.last_linear(x))


class MobileFaceNet(nn.Module):
    """MobileFaceNet as PyTorch users write it: symmetric padding.

    TensorFlow pads a strided convolution of an even map at the end, PyTorch at the beginning. Upside down and
    mirrored, the two are the same; the pictures and all kernels are therefore turned by 180 degrees here.
    """

    def __init__(self, recogniser: keras.Model) -> None:
        super().__init__()
        backbone = backbone_of(recogniser)
        self.first = nn.Sequential(_unit(backbone, "conv1"), _unit(backbone, "conv2"))
        self.blocks = nn.Sequential(
            *(
                _Bottleneck(backbone, layer.name.removesuffix(".project"))
                for layer in backbone.layers
                if layer.name.endswith(".project")
            )
        )
        self.last = nn.Sequential(_unit(backbone, "conv8"), _unit(backbone, "global_depthwise", "linear"))
        self.dropout = nn.Dropout(_dropout(backbone))
        dense = backbone.get_layer("embedding.dense")
        self.dense = nn.Linear(*dense.kernel.shape, bias=False)
        self.norm = nn.BatchNorm1d(dense.kernel.shape[1])
        _copy_kernel(self.dense, dense)
        _copy_norm(self.norm, backbone.get_layer("embedding.norm"))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the map after the last bottleneck, turned back, and the embedding."""
        last_map = self.blocks(self.first(images.flip((2, 3))))
        embedding = self.norm(self.dense(self.dropout(self.last(last_map).flatten(1))))
        return last_map.flip((2, 3)), embedding


class _Bottleneck(nn.Module):
    def __init__(self, backbone: keras.Model, name: str) -> None:
        super().__init__()
        parts = (_unit(backbone, f"{name}.{part}") for part in ("expand", "depthwise"))
        self.branch = nn.Sequential(*parts, _unit(backbone, f"{name}.project", "linear"))
        self.is_residual = f"{name}.add" in {layer.name for layer in backbone.layers}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.branch(x) if self.is_residual else self.branch(x)


def _unit(backbone: keras.Model, name: str, activation: str = "prelu") -> nn.Sequential:
    """Return a convolution with its batch norm and, unless linear, its PReLU."""
    layer = backbone.get_layer(name)
    by_channel = isinstance(layer, keras.layers.DepthwiseConv2D)
    inside, outside = layer.input.shape[-1], layer.output.shape[-1]
    padding = [side // 2 for side in layer.kernel_size] if layer.padding == "same" else 0
    groups = inside if by_channel else 1
    conv = nn.Conv2d(inside, outside, layer.kernel_size, layer.strides, padding, groups=groups, bias=False)
    _copy_kernel(conv, layer, turned=True)
    norm = nn.BatchNorm2d(outside)
    _copy_norm(norm, backbone.get_layer(f"{name}.norm"))
    if activation == "linear":
        return nn.Sequential(conv, norm)
    slopes = np.asarray(backbone.get_layer(f"{name}.prelu").alpha).ravel()
    prelu = nn.PReLU(outside)
    prelu.weight.data = torch.from_numpy(slopes.copy())
    return nn.Sequential(conv, norm, prelu)


def _facenet_module(name: str) -> Any:
    """Import a module of facenet-pytorch, without its package, whose detector needs torchvision."""
    spec = importlib.util.find_spec("facenet_pytorch")
    if spec is None or not spec.origin:
        raise ModuleNotFoundError("No module named 'facenet_pytorch'", name="facenet_pytorch")
    models = types.ModuleType("facenet_pytorch_models")
    models.__path__ = [str(Path(spec.origin).with_name("models"))]
    sys.modules.setdefault(models.__name__, models)
    return importlib.import_module(f"{models.__name__}.{name}")


def _layer_name(backbone: keras.Model, path: str) -> str:
    """Return the library's name of one of facenet-pytorch's convolutions, such as repeat_1.0.branch1.2."""
    if path in _STEM:
        return _STEM[path]
    block, rest = path.split(".branch")
    branch, _, place = rest.partition(".")
    start = f"{_BLOCKS[block]}.Branch_{branch}.Conv2d"
    names = [layer.name for layer in backbone.layers if layer.name.startswith(start)]
    return sorted(name for name in names if name.count(".") == start.count("."))[int(place or 0)]


def _copy_kernel(module: nn.Module, layer: keras.Layer, turned: bool = False) -> None:
    kernel = np.asarray(layer.kernel)
    if kernel.ndim == 2:
        kernel = kernel.T
    else:
        by_channel = isinstance(layer, keras.layers.DepthwiseConv2D)
        kernel = kernel.transpose((2, 3, 0, 1) if by_channel else (3, 2, 0, 1))
        kernel = kernel[..., ::-1, ::-1] if turned else kernel
    assert module.weight.shape == kernel.shape
    module.weight.data = torch.from_numpy(kernel.copy())
    if module.bias is not None:
        module.bias.data = torch.from_numpy(np.asarray(layer.bias).copy())


def _copy_norm(module: nn.Module, layer: keras.Layer) -> None:
    module.eps, module.momentum = layer.epsilon, 1 - layer.momentum
    if layer.scale:
        module.weight.data = torch.from_numpy(np.asarray(layer.gamma).copy())
    for name, variable in (("running_mean", layer.moving_mean), ("running_var", layer.moving_variance)):
        getattr(module, name).copy_(torch.from_numpy(np.asarray(variable).copy()))
    module.bias.data = torch.from_numpy(np.asarray(layer.beta).copy())


def _dropout(backbone: keras.Model) -> float:
    return next(layer.rate for layer in backbone.layers if isinstance(layer, keras.layers.Dropout))
