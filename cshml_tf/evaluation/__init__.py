"""Evaluation of saved networks on LFW, TinyFace, QMUL-SurvFace and SCface, with reports and tables."""
