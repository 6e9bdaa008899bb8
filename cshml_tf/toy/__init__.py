"""The paper's toy experiment on MNIST: which loss brings digits of 3 x 3 to the digits of 28 x 28."""
