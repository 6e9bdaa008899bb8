"""`cshml-fit-hjb`: fit the heterogeneous joint Bayesian classifier to the embeddings of training people."""

from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors, print_lines
from cshml_tf.cli.evaluation_outputs import check_writable_place, progress_bar
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.degradation.resolution import check_reductions
from cshml_tf.settings.joint_bayesian import FitHjbSettings, fit_options_in_errors
from cshml_tf.settings.parser import flags_in_errors, read_settings
from cshml_tf.settings.places import size_in_card

DESCRIPTION = (
    "Fit the heterogeneous joint Bayesian classifier, which scores an HR (high-resolution) and an LR "
    "(low-resolution) embedding by how much likelier they are for one person than for two. It is fitted to the "
    "embeddings of training people, once per resolution: each face as the HR network sees it, and reduced as the "
    "LR network sees it. Measure it with evaluate_lfw.py --scorer hjb."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Embed the training faces, fit, write the file, and print one line per resolution.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(FitHjbSettings, argv, DESCRIPTION)
    check_writable_place("--output", settings.output.parent)
    check_reductions(settings.resolutions or (), size_in_card(settings.hr_model), "--resolutions: ")
    start_backend()
    from cshml_tf.data.protocols import read_people
    from cshml_tf.data.sources import open_source
    from cshml_tf.evaluation.joint_bayesian.fitting import fit_scorers
    from cshml_tf.evaluation.joint_bayesian.scorers import write_scorers
    from cshml_tf.evaluation.networks import choose_networks

    networks = choose_networks(settings.hr_model, settings.lr_model, settings.resolutions, settings.degradation)
    with flags_in_errors(FitHjbSettings):
        people = read_people(settings.people) if settings.people else None
        source = open_source(settings.data_dir, people, networks.image_size)
    with fit_options_in_errors():
        scorers, objectives = fit_scorers(
            source,
            networks,
            settings.fit,
            settings.use_flipped_images,
            settings.embedding_batch_size,
            progress_bar("batch"),
            settings.as_json(),
        )
    settings.output.parent.mkdir(parents=True, exist_ok=True)
    write_scorers(settings.output, scorers)
    for key, classifier in scorers.classifiers.items():
        reached, width = objectives[key], classifier.covariances.width
        print_lines(
            f"{key}: {len(source)} faces of {len(source.classes)} people, {width} directions, "
            f"{len(reached) - 1} iterations, log-likelihood per person {reached[0]:.2f} to {reached[-1]:.2f}"
        )
