"""The commands: argument parsing and wiring, nothing else."""
