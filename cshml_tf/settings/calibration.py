"""The options that set a gallery's thresholds."""

import dataclasses
from pathlib import Path

from cshml_tf.settings.alignment import AlignmentSettings
from cshml_tf.settings.checks import RATE
from cshml_tf.settings.gallery import (
    BoundNetworksOptions,
    EnrolSettings,
    FacesInPicturesOptions,
    GalleryOptions,
    PortraitOptions,
)
from cshml_tf.settings.option import option, varied


@dataclasses.dataclass(frozen=True, kw_only=True)
class CalibrateSettings(GalleryOptions, BoundNetworksOptions, PortraitOptions):
    """The options of `cshml-gallery calibrate`."""

    source: Path = varied(
        EnrolSettings,
        "source",
        help="photographs of people who are not enrolled: class folders named after them, a folder of photographs "
        "of one stranger each, or a CSV with the columns name and file",
        positional="STRANGERS",
    )
    native: bool = option(
        False,
        "the pictures show strangers as the camera will show people: each face sets the threshold of the network "
        "that suits its width (otherwise they are sharp photographs, which are reduced to each resolution)",
        group="pictures",
    )
    longest_side: int | None = varied(
        AlignmentSettings,
        "longest_side",
        default=None,
        help="shrink photographs with a longer side than this before detection (default: 1600); with --native, as "
        "for cshml-identify (default: 2400)",
        group=FacesInPicturesOptions.TITLE,
    )
    min_width: float | None = varied(
        PortraitOptions,
        "min_width",
        help="smallest width of a face to use, in pixels of the photograph (default: that from which the HR "
        "network embeds probes; with --native 8)",
    )
    fpir: float = option(
        0.01,
        "false-positive identification rate: the share of strangers who may get a name",
        metavar="RATE",
        check=RATE,
        group="decisions",
    )
