"""Start commands from one process that has imported TensorFlow already, so that each starts within milliseconds.

Each line of standard input asks for a command, as JSON: its module in `cshml_tf.cli`, its words, and the file for
what it prints. The command runs in a fork of this process, in a process group of its own, which can be killed.
Each line of standard output tells that one has started or ended. Importing TensorFlow computes nothing: none of
its threads is missed in the fork.
"""

import contextlib
import importlib
import json
import os
import selectors
import sys
import traceback


def main() -> None:
    """Start commands until standard input ends."""
    _import()
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.buffer.raw, selectors.EVENT_READ)
    running, pending = set(), b""
    _tell({"ready": True})
    while True:
        if selector.select(0.01):
            data = os.read(0, 65536)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                running.add(_start(json.loads(line)))
        for number in list(running):
            done, status = os.waitpid(number, os.WNOHANG)
            if done:
                running.discard(number)
                _tell({"ended": number, "code": os.waitstatus_to_exitcode(status)})


def _import():
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    from cshml_tf.cli.quiet_start import start_backend

    start_backend()
    for name in (
        "tensorflow",
        "cshml_tf.alignment.folder",
        "onnxruntime",
        "cshml_tf.export",
        "cshml_tf.ablation.runner",
        "cshml_tf.plots",
    ):
        importlib.import_module(name)


def _start(asked):
    number = os.fork()
    if number:
        _tell({"started": number})
        return number
    code = 70
    try:
        os.setsid()
        _redirect(asked["shown"])
        code = _run(asked["module"], asked["words"])
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run(module, words):
    sys.argv = [module, *words]
    try:
        return importlib.import_module(f"cshml_tf.cli.{module}").main(words)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1


def _redirect(shown):
    nothing, file = os.open(os.devnull, os.O_RDONLY), os.open(shown, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(nothing, 0)
    os.dup2(file, 1)
    os.dup2(file, 2)


def _tell(line):
    os.write(1, json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    main()
