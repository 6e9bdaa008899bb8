"""The networks of a gallery, bound to it by the SHA-256 of their files, and how they see a portrait."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from cshml_tf.degradation.degrade import degrade, portrait_mode
from cshml_tf.degradation.resolution import Resolution, format_resolution, parse_resolution
from cshml_tf.evaluation.embedding import check_embeddings
from cshml_tf.evaluation.second_score import choose_weights
from cshml_tf.evaluation.serving import ServingNetworks, load_serving_networks
from cshml_tf.gallery.quality import quality_of
from cshml_tf.gallery.schema import SHARP
from cshml_tf.gallery.store import Gallery
from cshml_tf.gallery.views import View, parse_width
from cshml_tf.metrics.vectors import unit_rows
from cshml_tf.model_folder import RECOGNISER, digest_of_network
from cshml_tf.runtimes.embedder import raw_embeddings


@dataclass(frozen=True)
class GalleryNetworks:
    """Loaded networks, and their views.

    Attributes:
        serving: the networks.
        views: the views by kind, "HR" first.
        image_size: (height, width) of the networks' input.
    """

    serving: ServingNetworks
    views: dict[str, View]
    image_size: tuple[int, int]

    @property
    def embedding_size(self) -> int:
        """Number of values of an embedding."""
        return int(self.serving.hr.output_shape[-1])

    def kind_of(self, width: float) -> str:
        """Return the kind of view for a face of a width in pixels."""
        resolution = self.serving.choose(width)
        return SHARP if resolution is None else format_resolution(resolution)

    def network(self, kind: str) -> tuple[keras.Model, Resolution | None]:
        """Return the network of a view, and the resolution that it stands for; None for the sharp portrait."""
        resolution = None if kind == SHARP else parse_resolution(kind)
        return self.serving.serving(resolution), resolution

    def embed(self, kind: str, pixels: np.ndarray) -> np.ndarray:
        """Embed faces with the network of a view, as they are.

        Args:
            kind: the view.
            pixels: (faces, H, W, 3) 0..255, RGB.

        Returns:
            (faces, E) float32, each of unit length.

        Raises:
            ValueError: an embedding is zero or not finite.
        """
        return self.embed_and_rate(kind, pixels)[0]

    def embed_and_rate(self, kind: str, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Embed faces as `embed` does, and rate the quality of each, see `cshml_tf.gallery.quality`.

        Returns:
            (embeddings, qualities): (faces, E) float32, each of unit length, and (faces,) float64, above 0.
        """
        network, _ = self.network(kind)
        raw = raw_embeddings(network, pixels)
        check_embeddings(raw, lambda index: f"face {index}", f"network of {kind}")
        return unit_rows(raw), quality_of(raw)

    def reduced(self, kind: str, pixels: np.ndarray) -> np.ndarray:
        """Return sharp faces as a view shows them: (faces, H, W, 3) float32, 0..255."""
        if kind == SHARP:
            return pixels.astype(np.float32)
        return np.asarray(degrade(pixels, parse_resolution(kind), self.views[kind].degradation))

    def embed_portraits(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Embed sharp faces in every view: (faces, E) float32 of unit length by kind."""
        return {kind: self.embed(kind, self.reduced(kind, pixels)) for kind in self.views}


def load_gallery_networks(
    hr_dir: str | Path,
    lr_dirs: Iterable[str | Path] = (),
    hr_width: float | None = None,
    weights: Mapping[str, float] | None = None,
    runtime: str = "auto",
    mixed_precision: str = "off",
) -> GalleryNetworks:
    """Load the networks of a gallery.

    Args:
        hr_dir: model folder of the HR network.
        lr_dirs: model folders of LR networks.
        hr_width: width in pixels from which the HR network embeds a probe; None for half the width of its input.
        weights: weight of the second score by resolution, such as {"8": 1.0}; others have the default.
        runtime: what embeds, and
        mixed_precision: whether in bfloat16, see `cshml_tf.runtimes.embedder.with_runtime`.

    Returns:
        `GalleryNetworks`.

    Raises:
        ValueError: as `load_serving_networks`; or a weight is for a resolution without LR network.
    """
    serving, folders = load_serving_networks(hr_dir, lr_dirs, hr_width, runtime, mixed_precision)
    digests = {folder: digest_of_network(folder) for folder in folders.model_dirs()}
    views = {SHARP: View(SHARP, digests[folders.hr_dir], str(folders.hr_dir.resolve()), "", 0.0)}
    resolutions = sorted(folders.lr_dirs, key=lambda each: parse_width(format_resolution(each)))
    for resolution, weight in zip(resolutions, choose_weights(weights or {}, resolutions).values(), strict=True):
        kind, folder = format_resolution(resolution), folders.lr_dirs[resolution]
        reduction = portrait_mode(folders.degradation[resolution])
        views[kind] = View(kind, digests[folder], str(folder.resolve()), reduction, weight)
    return GalleryNetworks(serving, views, folders.image_size)


def networks_of(
    gallery: Gallery,
    hr_dir: str | Path | None = None,
    lr_dirs: tuple[str | Path, ...] = (),
    runtime: str = "auto",
    mixed_precision: str = "off",
) -> GalleryNetworks:
    """Load the networks that a gallery is bound to.

    Args:
        gallery: the gallery.
        hr_dir: model folder of the HR network; None for where it was when the gallery was made.
        lr_dirs: model folders of the LR networks; empty for where they were, if `hr_dir` is None.
        runtime: what embeds, and
        mixed_precision: whether in bfloat16, see `cshml_tf.runtimes.embedder.with_runtime`.

    Raises:
        ValueError: a folder is no longer there, or holds another network; or the runtime is not installed.
    """
    card = gallery.card()
    if hr_dir is None:
        hr, *others = (view.folder for view in card.views.values())
        hr_dir, lr_dirs = hr, tuple(dict.fromkeys(others))
        for folder in (hr_dir, *lr_dirs):
            if not (Path(folder) / RECOGNISER).is_file():
                raise ValueError(
                    f"{gallery.name}: expected its networks where they were at first, but {folder} has gone; "
                    "name their folders (--hr_model, --lr_model)"
                )
    networks = load_gallery_networks(
        hr_dir, lr_dirs, card.hr_width, runtime=runtime, mixed_precision=mixed_precision
    )
    if networks.image_size != card.image_size:
        size, got = ("{} x {}".format(*each) for each in (card.image_size, networks.image_size))
        raise ValueError(
            f"{gallery.name}: expected networks for its crops' {size} (height x width), got {got}; rebuild needs "
            "that size too: for these networks, create another gallery, and enrol the photographs there"
        )
    gallery.check_views(networks.views)
    return GalleryNetworks(networks.serving, card.views, card.image_size)
