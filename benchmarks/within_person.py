"""Measure how much the embeddings of one person's photographs differ, for people of several lists.

    python benchmarks/within_person.py faces --people people_train.txt people_dev.txt --hr_model models/hr \
        --lr_model models/lr8

An LR network that knows its training people by heart puts their photographs closer together than those of people
whom it has never seen; the frozen HR network, trained on others, does not. The variance is that of embeddings of
unit length around the mean of their person, over all directions: half of the mean squared distance of two
photographs of a person.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import progress_bar
from cshml_tf.cli.quiet_start import start_backend


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Embed the people of each list in every form, and print one line per list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", help="aligned faces: class folders, a packed folder, or train.rec")
    parser.add_argument("--people", type=Path, nargs="+", required=True, help="lists of people")
    parser.add_argument("--hr_model", type=Path, required=True, help="model folder of the HR network")
    parser.add_argument("--lr_model", type=Path, nargs="+", required=True, help="model folders of LR networks")
    options = parser.parse_args(argv)
    start_backend()
    from cshml_tf.data.protocols import read_people
    from cshml_tf.data.selection import Selection
    from cshml_tf.data.sources import open_source
    from cshml_tf.degradation.resolution import format_resolution
    from cshml_tf.evaluation.embedding import View, embed
    from cshml_tf.evaluation.networks import choose_networks

    networks = choose_networks(options.hr_model, options.lr_model)
    hr_recogniser, lr_recognisers = networks.load()
    views = [View(hr_recogniser)]
    views += [View(lr_recognisers[each], each, networks.degradation[each]) for each in networks.resolutions]
    print("people; photographs; HR; " + "; ".join(map(format_resolution, networks.resolutions)))
    for path in options.people:
        source = open_source(options.data_dir, read_people(path), networks.image_size)
        counts = np.bincount(source.labels)
        several = np.flatnonzero(counts[source.labels] > 1)
        faces = Selection(source.images, several.tolist())
        embedded = embed(faces, views, networks.image_size, 64, flip=True, progress=progress_bar("batch"))
        spread = [within_person_variance(rows, np.asarray(source.labels)[several]) for rows in embedded]
        shown = "; ".join(f"{each:.3f}" for each in spread)
        print(f"{path}: {np.sum(counts > 1)}; {len(several)}; {shown}", flush=True)


def within_person_variance(rows: np.ndarray, people: np.ndarray) -> float:
    """Return the unbiased variance of rows around the mean of their person, summed over directions.

    Args:
        rows: (n, E) embeddings.
        people: (n,) the person of each; everyone has at least two.
    """
    names, numbers = np.unique(people, return_inverse=True)
    counts = np.bincount(numbers)
    means = np.zeros((len(names), rows.shape[1]))
    np.add.at(means, numbers, rows)
    means /= counts[:, None]
    return float(np.sum((rows - means[numbers]) ** 2) / np.sum(counts - 1))


if __name__ == "__main__":
    main()
