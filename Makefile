# `make demo` and `make test` each set up what they need in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: install test lint demo clean

install: $(VENV)/installed

$(VENV)/installed: requirements.txt setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The whole pipeline on synthetic faces: draw, train both networks, measure, export, show.
demo: install
	$(BIN)/cshml-synthetic $(DEMO)/faces
	$(BIN)/cshml-train-hr --data_dir $(DEMO)/faces/train --models_base_dir $(DEMO)/models --logs_base_dir $(DEMO)/logs \
	    --run_name hr $(DEMO_HR)
	$(BIN)/cshml-train --data_dir $(DEMO)/faces/train --pretrained_model $(DEMO)/models/hr --resolution 12 \
	    --models_base_dir $(DEMO)/models --logs_base_dir $(DEMO)/logs --run_name lr12 $(DEMO_LR)
	$(BIN)/cshml-evaluate-lfw $(DEMO)/faces/test --lfw_pairs $(DEMO)/faces/pairs.txt \
	    --hr_model $(DEMO)/models/hr --lr_model $(DEMO)/models/lr12 --report $(DEMO)/report.json
	$(BIN)/cshml-export $(DEMO)/models/lr12 $(DEMO)/saved_model

clean:
	rm -rf $(VENV) $(DEMO)
