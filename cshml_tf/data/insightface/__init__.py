"""InsightFace's packaging: training sets as `.rec` and `.idx` files, pair sets as `.bin` files, without MXNet.

Source: Apache MXNet's indexed record files, and the data sets of the InsightFace project that are kept in them.
"""
