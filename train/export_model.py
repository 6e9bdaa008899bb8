"""Export a model folder for other runtimes: TensorFlow (a SavedModel), ONNX, OpenVINO and LiteRT.

Examples:
    python train/export_model.py models/hr exported/hr --format onnx

    All formats and precisions; int8 measures its ranges on aligned faces:
    python train/export_model.py models/lr12 exported/lr12 --format saved_model onnx openvino litert \
        --precision float32 float16 int8 --calibrate faces

    With the accuracy on pairs before and after:
    python train/export_model.py models/lr12 exported/lr12 --format openvino --precision int8 --calibrate faces \
        --compare_on lfw_faces --lfw_pairs pairs.txt --hr_model models/hr
"""

import sys

from cshml_tf.cli.export_model import main

if __name__ == "__main__":
    sys.exit(main())
