"""InsightFace's file formats: training sets as `.rec` and `.idx` files, pair sets as `.bin` files, without MXNet.

Source: Apache MXNet's indexed record files, and the data sets that the InsightFace project distributes in them.
"""
