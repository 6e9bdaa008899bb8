"""The settings of training runs, which are declared in `cshml_tf.settings.training`."""

from cshml_tf.settings.training import HrSettings, LrSettings, RunSettings

__all__ = ["HrSettings", "LrSettings", "RunSettings"]
