"""LFW figures of a network while it trains."""

from cshml_tf.data.protocols import read_pairs
from cshml_tf.data.sources import find_images
from cshml_tf.degradation.resolution import format_resolution
from cshml_tf.evaluation.lfw import Options, evaluate
from cshml_tf.recogniser import image_size_of


def make_lfw_evaluation(settings, hr_recogniser=None, resolutions=(), degradation="antialias"):
    """Make a function that measures a recogniser on the LFW pairs of the settings.

    Args:
        settings: RunSettings.
        hr_recogniser: the HR network beside which an LR network is measured; None where the recogniser
            itself is an HR network.
        resolutions: those of the LR network.
        degradation: "antialias" or "plain".

    Returns:
        None where the settings name no pairs; else a function: recogniser -> dict of fractions, "HR" accuracy
        for an HR network; "HL 12", "LL 12", "gap_closed 12" (None where HR is not above HL) and so on for
        an LR network.

    Raises:
        ValueError: a pairs file that is none, or whose images are all missing.
        OSError: it cannot be read.
    """
    if settings.lfw_dir is None:
        return None
    pairs = read_pairs(settings.lfw_pairs)
    images = find_images(settings.lfw_dir, pairs)
    if not images:
        raise ValueError(f"lfw_dir: {settings.lfw_dir} has none of the images of {settings.lfw_pairs}")
    options = Options(
        batch_size=settings.embedding_batch_size,
        flip=settings.use_flipped_images,
        subtract_mean=settings.subtract_mean,
    )
    image_size = None if hr_recogniser is None else image_size_of(hr_recogniser)
    # The HR network is frozen, so its embeddings are made once for all validations.
    hr_embeddings = {}

    def measure(recogniser):
        if hr_recogniser is None:
            report = evaluate(
                pairs, images, recogniser, options=options, image_size=image_size_of(recogniser)
            ).report
            return {"HR": report["HR"]["accuracy"]}
        report = evaluate(
            pairs,
            images,
            hr_recogniser,
            lr_recognisers=dict.fromkeys(resolutions, recogniser),
            degradation=degradation,
            options=options,
            image_size=image_size,
            hr_embeddings=hr_embeddings,
        ).report
        figures = {}
        for key in map(format_resolution, resolutions):
            figures[f"HL {key}"] = report[key]["HL"]["accuracy"]
            figures[f"LL {key}"] = report[key]["LL"]["accuracy"]
            figures[f"gap_closed {key}"] = report[key]["gap_closed"]
        return figures

    return measure
