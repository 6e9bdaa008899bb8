"""The options that the two training commands share, named as FaceNet names them where it has them."""

import dataclasses


def add_data_options(parser):
    """Add where faces come from and where models go."""
    group = parser.add_argument_group("data and folders")
    group.add_argument("--data_dir", required=True, help="folder of class folders of aligned faces")
    group.add_argument(
        "--people",
        metavar="FILE",
        help="train on these class folders only: LFW's people.txt form, or a name a line",
    )
    group.add_argument("--models_base_dir", default="models", help="the model folder is made in here")
    group.add_argument(
        "--logs_base_dir", default="logs", help="history, TensorBoard's events and LFW results are made in here"
    )
    group.add_argument(
        "--run_name", help="name of both folders; the same command again continues the run (default: the time)"
    )


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
    group.add_argument("--seed", type=int, default=666, help="of every random decision")


def add_cosface_options(group):
    """Add the two constants of equation 2."""
    group.add_argument("--scale", type=float, default=30.0, help="s of equation 2")
    group.add_argument("--margin", type=float, default=0.35, help="m of equation 2")


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
    """Add logging, checkpoints and validation."""
    group = parser.add_argument_group("logging, checkpoints, validation")
    group.add_argument("--log_every", type=int, default=10, help="steps between two lines of history.csv")
    group.add_argument("--checkpoint_steps", type=int, help="steps between two checkpoints (default: an epoch)")
    group.add_argument(
        "--checkpoint_minutes", type=float, default=10.0, help="minutes after which one is due in any case"
    )
    group.add_argument("--lfw_dir", help="aligned LFW to validate on; needs --lfw_pairs")
    group.add_argument("--lfw_pairs", metavar="FILE", help="pairs file of --lfw_dir")
    group.add_argument("--lfw_batch_size", type=int, default=32, help="faces embedded at a time")
    group.add_argument(
        "--lfw_use_flipped_images", action="store_true", help="average embeddings with the mirror image's"
    )
    group.add_argument("--lfw_subtract_mean", action="store_true", help="subtract the other folds' mean embedding")
    group.add_argument("--validate_every_n_epochs", type=int, default=1, help="epochs between two validations")


def settings_from(settings_class, arguments):
    """Fill a settings dataclass from parsed arguments of the same names."""
    names = {field.name for field in dataclasses.fields(settings_class)}
    return settings_class(**{name: getattr(arguments, name) for name in names})


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
