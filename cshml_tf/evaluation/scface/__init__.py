"""The SCface experiment: surveillance images at three distances identified among frontal mugshots."""
