"""OpenVINO leaves signals as they were: a Ctrl-C after its first use neither crashes nor is lost."""

import ctypes
import subprocess
import sys

import pytest

from cshml_tf.runtimes.signal_stack import _Stack, kept_signal_stack

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="sets the stack as Linux does")
EMBEDDED = """
import os, signal, sys
import numpy as np
import cshml_tf
from cshml_tf.backbones import build
from cshml_tf.recogniser import build_recogniser
from cshml_tf.runtimes.signal_stack import _Stack
import ctypes

network = build_recogniser(build("small_resnet", (48, 40), 8, width=4))
embedder = cshml_tf.with_runtime(network, "openvino")
embedder.predict_on_batch(np.full((2, 48, 40, 3), 9, np.uint8))
assert embedder.is_converted
stack = _Stack()
ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
print("disabled" if stack.flags & 2 else stack.size)
signal.signal(signal.SIGINT, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGINT)
"""


def stack_now():
    stack = _Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    return stack.pointer, stack.flags, stack.size


@LINUX
def test_the_stack_is_given_back():
    before = stack_now()
    room = ctypes.create_string_buffer(2**16)
    own = _Stack(ctypes.addressof(room), 0, len(room))
    with kept_signal_stack():
        ctypes.CDLL(None).sigaltstack(ctypes.byref(own), None)
        assert stack_now()[2] == 2**16
    assert stack_now() == before


@LINUX
@pytest.mark.slow
def test_a_signal_after_openvino_is_handled():
    pytest.importorskip("openvino")
    pytest.importorskip("tensorflow")
    done = subprocess.run([sys.executable, "-c", EMBEDDED], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["disabled", "handled"]), done.stderr[-2000:]
