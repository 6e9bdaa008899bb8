"""The paper's ablation: LR networks for every requested combination, in one table and one plot."""
