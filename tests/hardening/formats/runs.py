"""What training and evaluation leave for later commands: runs, reports, ablations."""

import numpy as np
from hardening.formats.folders import _photographs
from hardening.formats.format import Format
from hardening.formats.networks import SIZE, save_small_model
from hardening.formats.pictures import draw


def _settings(folder):
    from cshml_tf.settings.training import HrSettings

    return HrSettings(
        data_dir=str(folder / "photographs"),
        models_base_dir=str(folder / "models"),
        logs_base_dir=str(folder / "logs"),
        run_name="run",
        model_def="small_resnet",
        max_steps=10,
        log_every=2,
    )


_INPUTS = {"learning rate schedule": [[0, 0.1]], "data": "0123456789abcdef"}


def _variables():
    import keras

    shapes = ((3, 3, 3, 4), (4,), ())
    return [keras.Variable(np.full(shape, 0.5, np.float32), name=f"v{len(shape)}") for shape in shapes]


def _run(folder):
    from cshml_tf.training.checkpoint import save_checkpoint
    from cshml_tf.training.history import History
    from cshml_tf.training.run_folder import open_run

    _photographs(folder)
    run = open_run("hr", _settings(folder))
    run.begin(_INPUTS)
    history = History(run.log_dir, 0, 10, 2, 8, show_progress=False)
    for step in range(1, 7):
        history.record(step, 0.1, {"total": 3.5, "cosface": 3.0}, 0.25)
    # One step after the last row, as after an interruption.
    history.record(7, 0.1, {"total": 3.5, "cosface": 3.0}, 0.25)
    for step in (6, 7):
        notes = {"window": history.window, "unreadable": [1]}
        save_checkpoint(run.checkpoint_dir, step, _variables(), notes)
    (run.log_dir / "lfw_result.txt").write_text("step 4\tHR 0.90000\nstep 6\tHR 0.95000\n", encoding="utf-8")
    run.release()


def _read_run(folder, changed):
    """Do what a resumed run does before its first step."""
    from cshml_tf.data.sources import open_source
    from cshml_tf.data.unreadable import Unreadable
    from cshml_tf.training import experiment, loop
    from cshml_tf.training.cluster import Cluster
    from cshml_tf.training.history import History
    from cshml_tf.training.run_folder import open_run

    run = open_run("hr", _settings(folder))
    if run.finished:
        return
    run.begin(_INPUTS)
    try:
        unreadable = Unreadable(open_source(folder / "photographs"), (32, 40), 0, 3)
        step, notes = loop._restore(run, _variables(), unreadable, Cluster())
        history = History(run.log_dir, step, 10, 2, 8, False, notes.get("window"))
        history.record(step + 1, 0.1, {"total": 3.5, "cosface": 3.0}, 0.25)
        history.close()
        experiment._write_lfw_result(run.log_dir, step + 1, {"HR": 0.96})
    finally:
        run.release()


def _evaluated(folder):
    """Measure a small network on drawn pairs, and return the report."""
    from cshml_tf.evaluation.lfw import Options, evaluate
    from cshml_tf.evaluation.networks import trained_on
    from cshml_tf.model_folder import load_recogniser

    pairs, images = _pairs(folder)
    save_small_model(folder / "hr")
    save_small_model(folder / "lr", "lr", [6])
    hr, lr = load_recogniser(folder / "hr"), load_recogniser(folder / "lr")
    options = Options(fars=(0.5, 0.1))
    report = evaluate(pairs, images, hr, {6: lr}, [6], {6: "antialias"}, options, SIZE).report
    models = {"HR": str(folder / "hr"), "6": str(folder / "lr")}
    trained = trained_on([folder / "hr", folder / "lr"], pairs, images)
    report["protocol"] |= {"models": models, "trained_people": trained, "model_def": None}
    return report


def _pairs(folder):
    from cshml_tf.data.protocols import read_pairs
    from cshml_tf.data.sources import find_images

    people = ["Ann", "Bob", "Eve", "Zoë"]
    for number, person in enumerate(people):
        for picture in (1, 2):
            path = folder / "faces" / person / f"{person}_{picture:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(10 * number + picture).resize(SIZE[::-1]).save(path)
    lines = ["2\t2"]
    for first, second in (people[:2], people[2:]):
        lines += [f"{first}\t1\t2", f"{second}\t1\t2", f"{first}\t1\t{second}\t1", f"{first}\t2\t{second}\t2"]
    (folder / "pairs.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pairs = read_pairs(folder / "pairs.txt")
    return pairs, find_images(folder / "faces", pairs)


def _report(folder):
    from cshml_tf.files import write_json

    write_json(folder / "report.json", _evaluated(folder))


def _read_report(folder, changed):
    """Look up every threshold that a comparison could use."""
    from cshml_tf.cli import compare
    from cshml_tf.comparing import threshold_for

    report = compare._read_report(folder / changed)
    for pair in ((None, None), (None, 6), (6, 6)):
        assert -1 <= threshold_for(report, *pair, 0.5) <= 1


def _ablation_settings(folder):
    from cshml_tf.settings.training import LrSettings

    return LrSettings(data_dir=str(folder / "photographs"), pretrained_model=str(folder / "hr"), resolution=(6,))


def _common(folder):
    from cshml_tf.ablation.common import Common
    from cshml_tf.ablation.measurement import PairsTest
    from cshml_tf.evaluation.lfw import Options

    test = PairsTest(folder / "faces", folder / "pairs.txt", Options())
    return Common(folder / "out", _ablation_settings(folder), {}, test, [folder / "hr"])


def _ablation(folder):
    from cshml_tf.ablation.grid import cells_of
    from cshml_tf.ablation.reports import report_path, write_report
    from cshml_tf.settings.ablation import AblationSettings

    _photographs(folder)
    report = _evaluated(folder)
    settings = AblationSettings(
        output_dir=str(folder / "out"),
        networks=(str(folder / "hr"),),
        data_dir=str(folder / "photographs"),
        lfw_dir=str(folder / "faces"),
        lfw_pairs=str(folder / "pairs.txt"),
        resolutions=("6",),
        losses=("2", "2+3+5"),
    )
    for cell in cells_of(settings):
        write_report(report_path(folder / "out", cell), {"cell": cell.as_json()} | report)
    _common(folder).note()


def _read_ablation(folder, changed):
    """Do what a repeated ablation does around its training."""
    from cshml_tf.ablation.reports import read_reports
    from cshml_tf.ablation.table import format_csv, format_markdown, make_rows, summary
    from cshml_tf.evaluation.report import remarks

    _common(folder).note()
    reports = read_reports(folder / "out")
    for report in reports:
        summary(report)
        remarks(report["protocol"])
    format_csv(reports)
    format_markdown(make_rows(reports))


FORMATS = [
    Format(
        "run",
        _run,
        _read_run,
        ("models/run/run.json", "models/run/checkpoints/*", "logs/run/*.csv", "logs/run/*.txt"),
    ),
    Format("report", _report, _read_report, ("report.json",), argument="report"),
    Format("ablation", _ablation, _read_ablation, ("out/ablation.json", "out/reports/*")),
]
