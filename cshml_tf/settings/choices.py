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
STRATEGIES = ("auto", "one", "mirrored")
CROPS = ("landmarks", "box")
FALLBACKS = ("skip", "center")
COLOURS = ("rgb", "bgr")
MAPPINGS = ("MDS", "DMDS", "LDMDS")
ALIGNMENTS = ("landmarks", "mtcnn", "none")
GALLERIES = ("people", "images")
TOY_WAYS = ("eq3_same", "eq3_random", "eq2_random", "eq2_same")
