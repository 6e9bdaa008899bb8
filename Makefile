# `make demo` and `make test` each set up what they need in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: install test test-fast lint docs demo clean

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

# Two processes at a time; a file's tests stay together, since they share what is expensive to make.
TEST_PROCESSES ?= 2
PARALLEL := -n $(TEST_PROCESSES) --dist loadfile

# What does not need TensorFlow, on the other backend.
ON_JAX := tests/degradation tests/layers/test_layers.py tests/test_losses.py tests/test_network.py \
    tests/data/test_batches.py tests/data/test_carriers.py tests/data/test_decisions.py tests/data/test_packed.py \
    tests/training/test_packed.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# The reference of the library, from its docstrings; a warning is an error.
docs: install
	PDOC_ALLOW_EXEC=1 TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -W error::UserWarning -W error::RuntimeWarning \
	    -m pdoc --docformat google --output-directory build/reference cshml_tf

# The whole pipeline on synthetic faces: draw, train both networks, measure, show, export.
DEMO_RUNS := --data_dir $(DEMO)/faces/train --models_base_dir $(DEMO)/models --logs_base_dir $(DEMO)/logs \
    --batch_size 64 --learning_rate 0.05
DEMO_TEST := $(DEMO)/faces/test --lfw_pairs $(DEMO)/faces/pairs.txt \
    --hr_model $(DEMO)/models/hr --lr_model $(DEMO)/models/lr12

demo: install
	$(BIN)/cshml-synthetic $(DEMO)/faces
	$(BIN)/cshml-train-hr $(DEMO_RUNS) --run_name hr --model_def small_resnet --embedding_size 128 --max_steps 400
	$(BIN)/cshml-train $(DEMO_RUNS) --run_name lr12 --pretrained_model $(DEMO)/models/hr --resolution 12 --max_steps 400
	$(BIN)/cshml-evaluate-lfw $(DEMO_TEST) --report $(DEMO)/report.json
	$(BIN)/cshml-show-pairs $(DEMO_TEST) --output $(DEMO)/pairs.png
	rm -rf $(DEMO)/saved_model
	$(BIN)/cshml-export $(DEMO)/models/lr12 $(DEMO)/saved_model

clean:
	rm -rf $(VENV) $(DEMO)
