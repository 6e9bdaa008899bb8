"""The choices of options; a test compares these lists with the rooms that implement them.

The names of backbones and degradations come from their own registries, which need no Keras.
"""

from cshml_tf.backbones import BACKBONES
from cshml_tf.data.pairing import PAIRINGS as PAIRINGS
from cshml_tf.degradation.degrade import MODES

MODELS = tuple(BACKBONES)
DEGRADATIONS = tuple(MODES)
OPTIMIZERS = ("MOM", "SGD", "ADAM", "ADAGRAD", "ADADELTA", "RMSPROP")
STANDARDISATIONS = ("per_image", "fixed", "symmetric", "none")
STRATEGIES = ("auto", "one", "mirrored", "multi_worker")
AUGMENTED_ON = ("auto", "host", "device")
CROPS = ("landmarks", "box")
FALLBACKS = ("skip", "center")
COLOURS = ("rgb", "bgr")
MAPPINGS = ("MDS", "DMDS", "LDMDS")
ALIGNMENTS = ("landmarks", "mtcnn", "none")
SCORERS = ("cosine", "hjb")
GALLERIES = ("people", "images")
PERSON_SCORES = ("best", "mean")
SEARCHES = ("exact", "hnsw")
TOY_WAYS = ("eq3_same", "eq3_random", "eq2_random", "eq2_same")
# Each export format is a file of its name in `cshml_tf/export/`; these are its precisions.
EXPORT_FORMATS = {
    "saved_model": ("float32",),
    "onnx": ("float32", "float16", "int8"),
    "openvino": ("float32", "float16", "int8"),
    "litert": ("float32", "float16", "int8"),
}
# Each runtime but "auto" is a file of its name in `cshml_tf/runtimes/`.
RUNTIMES = ("auto", "keras", "onnxruntime", "openvino")
MIXED_PRECISIONS = ("off", "on", "auto")
PRECISIONS = ("float32", "float16", "int8")
