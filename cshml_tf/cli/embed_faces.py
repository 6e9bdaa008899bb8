"""`cshml-embed`: a data set of aligned faces to one array of unit embeddings."""

import time
from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.long_work import bar_interval, silently, terminate_as_exit
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.files import printable
from cshml_tf.settings.embed import EmbedSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Embed every face of a data set. OUTPUT_DIR gets embeddings.npy, one row of unit length per face (float32, "
    "can be memory-mapped), and faces.csv, which names the rows. A face that cannot be read, or has another size "
    "than the first, has a row of zeros, and faces.csv says why. Running the same command again embeds only what "
    "is missing."
)
EPILOG = "Exit code: 0 if at least one face is embedded, 1 if none is, 2 on bad arguments."


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Embed a data set.

    Args:
        argv: the words of the command line; None takes the process's own.

    Returns:
        Exit code: 0 if at least one face is embedded, 1 if none is.
    """
    settings = read_settings(EmbedSettings, argv, DESCRIPTION, EPILOG)
    start_backend()
    import tqdm

    from cshml_tf.embedding.dataset import embed_dataset
    from cshml_tf.workers import Cluster

    def progress(results, total):
        bar = {"desc": "embedding", "unit": "batch", "mininterval": bar_interval()}
        return tqdm.tqdm(silently(results), total=total, disable=not total, **bar)

    started = time.monotonic()
    with terminate_as_exit():
        outcome = embed_dataset(
            settings.data_dir,
            settings.output_dir,
            settings.model,
            settings.embedding_batch_size,
            settings.use_flipped_images,
            settings.runtime,
            settings.workers,
            Cluster(settings.scheduler, settings.scheduler_timeout) if settings.scheduler else None,
            progress,
        )
    seconds = time.monotonic() - started
    embedded = outcome.count - len(outcome.unreadable)
    rate = f"{outcome.embedded / seconds:.1f} faces/s" if outcome.embedded else "nothing was missing"
    counts = f"{outcome.count} faces: {embedded} embedded, {len(outcome.unreadable)} unreadable"
    print(f"{counts}. {outcome.embedded} done now in {seconds:.1f} s ({rate}). {printable(settings.output_dir)}")
    return 0 if embedded else 1
