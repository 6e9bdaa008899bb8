# `make demo` and `make test` each set up what they need in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: install test test-fast fuzz lint docs demo bench clean

install: $(VENV)/installed

$(VENV)/installed: requirements.txt setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

test: install
	$(BIN)/python -m pytest $(PARALLEL)
	KERAS_BACKEND=jax JAX_PLATFORMS=cpu $(BIN)/python -m pytest $(PARALLEL) $(ON_JAX)

# The inner loop: all but whole runs, subprocesses and large networks.
test-fast: install
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

# Two processes at a time; a file's tests stay together, since they share what is expensive to make. The files keep
# the order that tests/conftest.py gives them.
TEST_PROCESSES ?= 2
PARALLEL := -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

# What does not need TensorFlow, on the other backend.
ON_JAX := tests/alignment/test_detector.py tests/data/test_batches.py tests/data/test_carriers.py \
    tests/data/test_decisions.py tests/data/test_mixed_batches.py tests/data/test_on_device.py \
    tests/data/test_packed.py tests/data/test_teacher_values.py tests/degradation \
    tests/gallery/test_pictures.py tests/gallery/test_rebuilding.py tests/layers/test_layers.py \
    tests/derived tests/server/test_api.py tests/test_distillation.py tests/test_losses.py \
    tests/test_network.py tests/training/test_device_options.py tests/training/test_jax_step.py \
    tests/training/test_loop.py tests/training/test_packed.py

# Thousands of mutants of every format that is read, then kills, full disks and two processes at once.
# FORMATS chooses formats, and leaves out what follows the mutants: make fuzz FORMATS="png onnx" MUTANTS=20000 SEED=3
FORMATS ?=
MUTANTS ?= 5000
KILLS ?= 20
SEED ?= 0
INTERRUPTED := tests/hardening/test_kills.py tests/hardening/test_full_disk.py tests/hardening/test_two_at_once.py \
    tests/hardening/test_two_networks.py tests/hardening/test_server_kills.py tests/server/test_malformed.py \
    tests/training/test_workers.py

fuzz: install
	$(BIN)/python tests/hardening/fuzz.py --format $(FORMATS) --mutants $(MUTANTS) --seed $(SEED)
	$(if $(FORMATS),,KILLS=$(KILLS) MUTANTS=$(MUTANTS) SEED=$(SEED) $(BIN)/python -m pytest $(INTERRUPTED))

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# The reference of the library, from its docstrings; a warning is an error.
docs: install
	PDOC_ALLOW_EXEC=1 TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -W error::UserWarning -W error::RuntimeWarning \
	    -m pdoc --docformat google --output-directory build/reference cshml_tf

# The whole pipeline on synthetic faces: draw, train both networks, measure, show, export, name people in a clip.
DEMO_RUNS := --data_dir $(DEMO)/faces/train --models_base_dir $(DEMO)/models --logs_base_dir $(DEMO)/logs \
    --batch_size 64 --learning_rate 0.05
DEMO_TEST := $(DEMO)/faces/test --lfw_pairs $(DEMO)/faces/pairs.txt \
    --hr_model $(DEMO)/models/hr --lr_model $(DEMO)/models/lr12
DEMO_GALLERY := --gallery $(DEMO)/people.gallery

demo: install
	$(BIN)/cshml-synthetic $(DEMO)/faces
	$(BIN)/cshml-train-hr $(DEMO_RUNS) --run_name hr --model_def small_resnet --embedding_size 128 --max_steps 400
	$(BIN)/cshml-train $(DEMO_RUNS) --run_name lr12 --pretrained_model $(DEMO)/models/hr --resolution 12 --max_steps 400
	$(BIN)/cshml-evaluate-lfw $(DEMO_TEST) --report $(DEMO)/report.json
	$(BIN)/cshml-show-pairs $(DEMO_TEST) --output $(DEMO)/pairs.png
	rm -rf $(DEMO)/saved_model
	$(BIN)/cshml-export $(DEMO)/models/lr12 $(DEMO)/saved_model
	$(BIN)/cshml-synthetic $(DEMO)/camera --clip --people 0 --test_people 0 --seed 1
	rm -f $(DEMO)/people.gallery*
	$(BIN)/cshml-gallery create $(DEMO_GALLERY) --hr_model $(DEMO)/models/hr --lr_model $(DEMO)/models/lr12 --hr_width 24
	$(BIN)/cshml-gallery enrol $(DEMO)/camera/portraits $(DEMO_GALLERY)
	$(BIN)/cshml-gallery calibrate $(DEMO)/camera/strangers $(DEMO_GALLERY) --fpir 0.05
	$(BIN)/cshml-watch $(DEMO)/camera/clip.mp4 $(DEMO_GALLERY) --min_width 8 --truth $(DEMO)/camera/clip.csv \
	    --page $(DEMO)/watch.html --output $(DEMO)/watch.mp4 > $(DEMO)/tracks.jsonl

# The library beside its peers, in about ten minutes on two cores: build/bench.md and build/bench.json.
# BENCH_PHOTOGRAPHS names a folder of photographs for alignment, which are drawn otherwise. On Linux, PyPI's torch is
# the build for NVIDIA GPUs, of some GB; for the CPU's, name PyTorch's index of them: make bench TORCH_INDEX=URL
BENCH_ROUNDS ?= 5
BENCH_PHOTOGRAPHS ?=
TORCH_INDEX ?=

bench: $(VENV)/bench-installed
	$(BIN)/python benchmarks/bench.py --rounds $(BENCH_ROUNDS) \
	    $(if $(BENCH_PHOTOGRAPHS),--photographs '$(BENCH_PHOTOGRAPHS)')

$(VENV)/bench-installed: $(VENV)/installed
	$(BIN)/pip install --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --editable '.[bench]'
	$(BIN)/pip install --quiet --no-deps 'facenet-pytorch>=2.6,<3'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO)
