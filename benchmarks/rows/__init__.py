"""The rows of `bench.py`: one file per kind, the peers written in PyTorch, and what all of them share."""
