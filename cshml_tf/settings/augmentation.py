"""What can be combined with changing the faces in the training step."""

from typing import Any

from cshml_tf.degradation.degrade import DRAWN
from cshml_tf.settings.option import require

# Random crops, the cache of the HR network's outputs, and LR copies among HR faces.
_ON_HOST = ("crop_jitter", "cache_teacher", "resolutions")


def on_host_only(settings: Any) -> str | None:
    """Return the first option that needs the input pipeline to change the faces; None if there is none.

    Args:
        settings: HrSettings, LrSettings or those of an ablation.

    Returns:
        The name of its field.
    """
    for name in _ON_HOST:
        if getattr(settings, name, None):
            return name
    # An HR network's degradation only matters with `resolutions`.
    return "degradation" if hasattr(settings, "crop_jitter") and settings.degradation in DRAWN else None


def check_augmentation(settings: Any) -> None:
    """Refuse to change faces on the device if an option needs the input pipeline.

    Raises:
        OptionError: there is such an option; the message names both.
    """
    name = on_host_only(settings) if settings.augment_on == "device" else None
    require(
        name is None,
        f"{{augment_on}}: device cannot be combined with {{{name}}}, which needs the input pipeline; got %s",
        getattr(settings, name or "augment_on"),
    )
