"""The options of the command that embeds a data set."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from cshml_tf.settings.cluster import ClusterOptions
from cshml_tf.settings.measuring import EmbeddingOptions, RuntimeOptions
from cshml_tf.settings.option import REQUIRED, option, varied
from cshml_tf.settings.places import FACES, MODEL, output_folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmbedSettings(EmbeddingOptions, ClusterOptions):
    """The options of `cshml-embed`."""

    TITLE: ClassVar[str] = "input and output"

    data_dir: Path = option(
        REQUIRED,
        "aligned faces of one size: a folder of class folders, a packed folder, or InsightFace's train.rec",
        positional="FACES",
        place=FACES,
    )
    output_dir: Path = option(
        REQUIRED,
        "folder for the embeddings: new, empty, or the output of an earlier run, which is then resumed",
        positional="OUTPUT_DIR",
        place=output_folder(is_apart=True),
    )
    model: Path = option(REQUIRED, "model folder of the network", metavar="DIR", place=MODEL)
    runtime: str = varied(
        RuntimeOptions,
        "runtime",
        default="keras",
        help="what runs the network; auto: openvino if it is installed. Only keras is known to give the same bits "
        "on machines with other numbers of cores",
        group=TITLE,
    )
    workers: int = varied(
        ClusterOptions,
        "workers",
        default=1,
        help="number of processes; one uses all cores, or the GPU, by itself",
    )
