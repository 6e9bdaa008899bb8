"""The training loop, its step, and everything that makes a run continue exactly."""
