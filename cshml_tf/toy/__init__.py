"""The paper's toy experiment on MNIST: which loss pulls digits of 3 x 3 pixels to digits of 28 x 28 pixels."""
