"""Find every face in pictures and say who of a gallery it shows.

Examples:
    python eval/identify.py camera.png --gallery people.gallery

    python eval/identify.py pictures more/camera_2.jpg --gallery people.gallery --min_width 12 --fpir 0.001 \
        --format csv > decisions.csv
"""

import sys

from cshml_tf.cli.identify import main

if __name__ == "__main__":
    sys.exit(main())
