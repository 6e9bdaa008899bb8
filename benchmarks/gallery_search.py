"""Time the exact search of a gallery in memory, and compare it with FAISS's flat index if that is installed.

Memory is read from /proc, on Linux.

python benchmarks/gallery_search.py --faces 1000000 --size 512
"""

import argparse
import statistics
import time

import numpy as np

from cshml_tf.gallery.search import sorted_rows, top_people

REPEATS = 5


def drawn_rows(faces, size, random):
    """Draw unit vectors in blocks, so that only one copy is ever in memory."""
    rows = np.empty((faces, size), np.float32)
    for start in range(0, faces, 10_000):
        part = random.standard_normal((min(10_000, faces - start), size), np.float32)
        rows[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return rows


def memory(field):
    """Return a figure of /proc/self/status in GB: VmRSS, resident now, or VmHWM, the most since `forget_peak`."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field + ":")) / 1e6


def forget_peak():
    """Let the peak of resident memory start anew from what is resident now."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def library(vectors):
    """Return the library's search: a function of (probes, size) and a count that returns the nearest faces."""
    faces = np.arange(len(vectors))
    rows = sorted_rows(vectors, faces, faces)
    return lambda probes, count: top_people(rows, probes, count)[2]


def flat_index(vectors):
    """Return FAISS's exact search; None without FAISS."""
    try:
        import faiss
    except ImportError:
        print("faiss is not installed: pip install faiss-cpu")
        return None
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return lambda probes, count: index.search(probes, count)[1]


def built(vectors):
    """Return the ways to search by name, and print what each adds to the memory that the vectors take."""
    print(f"{len(vectors)} x {vectors.shape[1]} float32: {vectors.nbytes / 1e9:.2f} GB")
    searches = {}
    for name, build in (("the library", library), ("FAISS, flat", flat_index)):
        before = memory("VmRSS")
        search = build(vectors)
        if search is not None:
            searches[name] = search
            print(f"{name}: {memory('VmRSS') - before:.2f} GB more")
    return searches


def main():
    """Time one probe and 32 at once, the ways in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--count", type=int, default=5)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    searches = built(drawn_rows(arguments.faces, arguments.size, random))
    for number in (1, 32):
        probes = drawn_rows(number, arguments.size, random)
        seconds = {name: [] for name in searches}
        results, peaks = {}, {}
        for _ in range(REPEATS):
            for name, search in searches.items():
                forget_peak()
                resident, start = memory("VmRSS"), time.perf_counter()
                results[name] = search(probes, arguments.count)
                seconds[name].append(time.perf_counter() - start)
                # Later repeats may reuse what an earlier one has taken.
                peaks[name] = max(peaks.get(name, 0.0), memory("VmHWM") - resident)
        for name, each in seconds.items():
            same = np.mean(results[name] == results["the library"])
            print(
                f"{number:2} probes, {name}: {1000 * statistics.median(each):8.1f} ms, {peaks[name]:.2f} GB more "
                f"at the peak, {same:.1%} the same faces"
            )


if __name__ == "__main__":
    main()
