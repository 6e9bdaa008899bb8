"""Watch a video or a camera for the people of a gallery.

Examples:
    python serve/watch.py street.mp4 --gallery people.gallery --page street.html

    python serve/watch.py rtsp://camera.example.org/live --gallery people.gallery --fpir 0.01 >> seen.jsonl
    python serve/watch.py 0 --gallery people.gallery --output watched.mp4 --frames
"""

import sys

from cshml_tf.cli.watch import main

if __name__ == "__main__":
    sys.exit(main())
