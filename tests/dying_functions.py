"""Functions for worker processes, of which some kill their process; as the text of a module."""

SOME_DIE = '''
import os, pathlib, signal, time
from cshml_tf import __version__ as VERSION

def first_time(name):
    """Return whether no process has come here before; it is told by a file."""
    try:
        pathlib.Path(__file__).with_name(name).touch(exist_ok=False)
        return True
    except FileExistsError:
        return False

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def make():
    return work

def make_after_a_death():
    if first_time("start"):
        die()
    return work

def make_after_deaths_at_work():
    """Die in the start that follows the first death at work."""
    if not first_time("made") and first_time("again"):
        die()
    return work_once_killed

def never_make():
    first_time(f"start {os.getpid()}")
    die()

def make_without_memory():
    raise MemoryError

def make_slowly():
    time.sleep(0.05)
    return slowly

def work(task):
    if task % 10 == 3:
        die()
    return task + 1

def work_once_killed(task):
    if task % 10 == 3 and first_time(str(task)):
        die()
    return task + 1

def run_out_of_memory(task):
    if task == 3 or task == 7 and first_time("7"):
        raise MemoryError
    return task + 1

def make_hungry():
    return run_out_of_memory

def slowly(task):
    time.sleep(0.01)
    return task + 1

def counted(task):
    with open(pathlib.Path(__file__).with_name("counted"), "a") as file:
        file.write(".")
    return task

def make_counted():
    return counted

def make_unpicklable():
    return lambda task: (lambda: None)
'''
