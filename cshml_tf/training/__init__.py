"""The training loop, its step, and everything that lets an interrupted run resume exactly."""
