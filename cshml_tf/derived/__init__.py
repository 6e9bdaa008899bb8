"""Networks made from trained ones without further training."""
