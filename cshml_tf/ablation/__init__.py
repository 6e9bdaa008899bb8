"""The paper's ablation: LR networks of every combination asked for, in one table and one figure."""
