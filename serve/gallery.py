"""Keep a gallery: create it, enrol people, calibrate thresholds, remove people.

Examples:
    python serve/gallery.py create --gallery people.gallery --hr_model models/hr --lr_model models/lr_8

    python serve/gallery.py enrol portraits --gallery people.gallery
    python serve/gallery.py calibrate strangers --gallery people.gallery --fpir 0.01
    python serve/gallery.py list --gallery people.gallery

    python serve/gallery.py remove "Ann Lee" --gallery people.gallery
    python serve/gallery.py export people.backup --gallery postgresql://cshml@db.example.org/people
"""

import sys

from cshml_tf.cli.gallery import main

if __name__ == "__main__":
    sys.exit(main())
