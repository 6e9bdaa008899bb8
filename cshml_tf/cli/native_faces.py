"""Code shared by the commands that measure natively low-resolution data sets."""

from typing import TYPE_CHECKING, Any

from cshml_tf.settings.evaluation import NativeFacesSettings

if TYPE_CHECKING:
    from cshml_tf.evaluation.networks import ModelFolders

TWO_WAYS = (
    "Everything is measured first with the HR (high-resolution) network for every image. If LR (low-resolution) "
    "networks are given, it is measured again with the network that suits the width of each image as distributed: "
    "as in compare.py, the HR network embeds faces at least --hr_width wide, and the LR network with the nearest "
    "resolution, by ratio, embeds narrower ones. The networks resize images of any size. Rates in the report are "
    "fractions."
)


def sources(settings: NativeFacesSettings, folders: "ModelFolders") -> dict[str, Any]:
    """Return a report's entries on files and models.

    Args:
        settings: those of the command.
        folders: the model folders of the test.
    """
    from cshml_tf.degradation.resolution import format_resolution

    models = {format_resolution(resolution): str(folder) for resolution, folder in folders.lr_dirs.items()}
    return {
        "root": str(settings.root),
        "images_root": str(settings.images_root or settings.root),
        "models": {"HR": str(folders.hr_dir)} | models,
    }
