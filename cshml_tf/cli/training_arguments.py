"""The options that the two training commands share, named as FaceNet names them where it has them."""

import dataclasses
import sys

from cshml_tf.cli.argument_types import pool_size, positive


def add_data_options(parser):
    """Add where faces come from."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data_dir",
        required=True,
        help="folder of class folders of aligned faces, the same packed, or InsightFace's train.rec",
    )
    group.add_argument(
        "--people",
        metavar="FILE",
        help="train on these class folders only: LFW's people.txt form, or a name a line",
    )


def add_run_options(parser):
    """Add what tells one run from another: its folders and its seed."""
    group = parser.add_argument_group("the run")
    group.add_argument("--models_base_dir", default="models", help="the model folder is made in here")
    group.add_argument(
        "--logs_base_dir", default="logs", help="history, TensorBoard's events and LFW results are made in here"
    )
    group.add_argument(
        "--run_name", help="name of both folders; the same command again continues the run (default: the time)"
    )
    group.add_argument("--seed", type=int, default=666, help="of every random decision")


def add_optimisation_options(parser):
    """Add steps, learning rate, optimiser and regularisation."""
    group = parser.add_argument_group("optimisation")
    group.add_argument("--batch_size", type=int, default=90, help="HR faces a step over all devices")
    group.add_argument(
        "--epoch_size", type=int, default=1000, help="steps an epoch, of the schedule and of validation"
    )
    group.add_argument("--max_nrof_epochs", type=int, help="last epoch")
    group.add_argument("--max_steps", type=int, default=140_000, help="last step")
    group.add_argument("--max_minutes", type=float, help="stop this call after so long; the same command goes on")
    group.add_argument("--learning_rate", type=float, default=-1.0, help="constant rate; -1 uses the schedule")
    group.add_argument(
        "--cosine_decay",
        action="store_true",
        help="let a constant rate fall to 0 by the last step, along half a cosine",
    )
    group.add_argument(
        "--learning_rate_schedule_file",
        metavar="FILE",
        help="lines 'epoch: rate', rate -1 stops (default: the paper's 0: 0.1, 30: 0.01, 70: 0.001, 120: 0.0001)",
    )
    group.add_argument(
        "--optimizer",
        default="MOM",
        choices=("MOM", "SGD", "ADAM", "ADAGRAD", "ADADELTA", "RMSPROP"),
        help="MOM is SGD with momentum 0.9",
    )
    group.add_argument("--weight_decay", type=float, default=5e-4, help="L2 penalty on kernels and W")
    group.add_argument(
        "--moving_average_decay",
        type=float,
        default=0.0,
        help="decay of an average of the weights that is saved instead of them; FaceNet's is 0.9999, 0 is off",
    )
    group.add_argument(
        "--random_flip", action="store_true", default=True, help="mirror half of the faces (default)"
    )
    group.add_argument("--no_random_flip", dest="random_flip", action="store_false", help="mirror no face")
    group.add_argument(
        "--random_shift",
        metavar="PIXELS",
        type=int,
        default=0,
        help="move each face by up to so many pixels up or down and to either side, its LR copy alike",
    )


def add_cosface_options(group):
    """Add the two constants of equation 2."""
    group.add_argument("--scale", type=float, default=30.0, help="s of equation 2")
    group.add_argument("--margin", type=float, default=0.35, help="m of equation 2")


def add_loss_options(parser, several_taps=False):
    """Add equation 6, with one tap or a choice of several, and how pairs are made."""
    group = parser.add_argument_group("loss, equation 6; a weight of 0 switches a term off")
    group.add_argument("--classifier_weight", type=float, default=1.0, help="of equation 2")
    group.add_argument("--lambda", dest="contrastive_weight", type=float, default=1.0, help="of equation 3")
    group.add_argument("--beta", dest="multi_hierarchy_weight", type=float, default=1.0, help="of equation 5")
    add_cosface_options(group)
    group.add_argument(
        "--alpha",
        type=float,
        help="least squared distance of two people, 0 to 4; acts with negatives only (default: 1.0)",
    )
    group.add_argument(
        "--negative_share", type=float, default=0.0, help="share of pairs that are of two people, 0 to 1"
    )
    group.add_argument(
        "--pairing",
        default="same_image",
        choices=("same_image", "same_person", "random"),
        help="an HR face with its own LR copy, with that of another image of the person, or of any image",
    )
    group.add_argument(
        "--mixup",
        metavar="SHARE",
        type=float,
        default=0.0,
        help="share of pairs, 0 to 1, whose faces are mixed with another's, both sides alike; equations 3 and 5 "
        "learn from them, equation 2 does not",
    )
    group.add_argument(
        *(("--taps", "--tap") if several_taps else ("--tap",)),
        nargs="+" if several_taps else None,
        metavar="TAP",
        help="feature map of equation 5: stem_pool, block_a, block_b, block_c, or the output of any layer that "
        "gives maps (default: block_c, or the last map of an imported network)"
        + ("; a network for each, as in table 3" if several_taps else ""),
    )
    group.add_argument(
        "--pool_size",
        default=2,
        type=pool_size,
        help="side of its max-pool; 1 is equation 4, 'global' pools the whole map",
    )


def add_lr_options(parser):
    """Add how LR pictures are made and where the LR network and W start."""
    group = parser.add_argument_group("LR network")
    group.add_argument(
        "--lr_model",
        metavar="DIR",
        help="model folder of an LR network to start from, such as one for other resolutions or people (default: "
        "the HR network's clone)",
    )
    group.add_argument(
        "--degradation", default="antialias", choices=("antialias", "plain"), help="how faces are reduced"
    )
    group.add_argument(
        "--degrade_on_device",
        action="store_true",
        help="degrade in the network's first layer instead of the input pipeline",
    )
    group.add_argument(
        "--new_classifier",
        action="store_true",
        help="start W at the class means of the HR embeddings, for other people than those of the networks given; "
        "the way of every HR network that has no classifier",
    )
    group.add_argument("--keep_probability", type=float, default=1.0, help="of the LR network, 1 - dropout")


def warn_of_idle_alpha(arguments):
    """Warn of an alpha that acts on nothing; fill in its default."""
    pairs_of_two = arguments.negative_share > 0 or arguments.pairing == "random"
    if arguments.alpha is not None and not pairs_of_two:
        print("warning: --alpha has no effect without negatives; --negative_share makes some", file=sys.stderr)
    arguments.alpha = 1.0 if arguments.alpha is None else arguments.alpha


def add_device_options(parser):
    """Add which devices train, and in what precision."""
    group = parser.add_argument_group("devices")
    group.add_argument(
        "--strategy",
        default="auto",
        choices=("auto", "one", "mirrored"),
        help="mirrored: a replica on each GPU; auto: mirrored where there are several",
    )
    group.add_argument(
        "--replicas",
        type=int,
        help="replicas of --strategy mirrored; without a GPU the CPU is split (default: every GPU)",
    )
    group.add_argument(
        "--mixed_precision", action="store_true", help="compute the backbone in bfloat16; weights stay float32"
    )


def add_watching_options(parser):
    """Add logging and checkpoints."""
    group = parser.add_argument_group("logging and checkpoints")
    group.add_argument("--log_every", type=int, default=10, help="steps between two lines of history.csv")
    group.add_argument("--checkpoint_steps", type=int, help="steps between two checkpoints (default: an epoch)")
    group.add_argument(
        "--checkpoint_minutes", type=float, default=10.0, help="minutes after which one is due in any case"
    )


def add_validation_options(parser):
    """Add validation on LFW while a network trains."""
    group = parser.add_argument_group("validation")
    group.add_argument("--lfw_dir", help="aligned LFW to validate on, or packed; needs --lfw_pairs")
    group.add_argument("--lfw_pairs", metavar="FILE", help="pairs file of --lfw_dir")
    add_comparison_options(group)
    group.add_argument("--validate_every_n_epochs", type=int, default=1, help="epochs between two validations")


def add_comparison_options(group):
    """Add how the pairs of LFW are compared."""
    group.add_argument("--lfw_batch_size", type=positive, default=32, help="faces embedded at a time")
    group.add_argument(
        "--lfw_use_flipped_images", action="store_true", help="average embeddings with the mirror image's"
    )
    group.add_argument("--lfw_subtract_mean", action="store_true", help="subtract the other folds' mean embedding")


def settings_from(settings_class, arguments):
    """Fill a settings dataclass from parsed arguments of the same names."""
    return settings_class(**options_from(settings_class, arguments))


def options_from(settings_class, arguments):
    """Give those of the parsed arguments that are fields of a settings dataclass, a dict."""
    names = {field.name for field in dataclasses.fields(settings_class)}
    return {name: value for name, value in vars(arguments).items() if name in names}


def report_outcome(run, outcome):
    """Print what a training command did: one line, and where things are."""
    if outcome is None:
        print(f"finished before, nothing to do: {run.model_dir}")
        return
    state = (
        "finished"
        if outcome.complete
        else f"stopped; the same command with --run_name {run.model_dir.name} goes on"
    )
    print(f"{state}: {outcome.steps} steps done, {outcome.seconds / 60:.1f} minutes in this call")
    print(f"model: {run.model_dir}  logs: {run.log_dir}")
