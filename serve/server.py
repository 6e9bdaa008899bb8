"""Serve a gallery over HTTP: an API, a page, figures for Prometheus.

Examples:
    python serve/server.py --gallery people.gallery

    python serve/server.py --gallery people.gallery --host 192.0.2.7 --key_file keys.txt --audit_log audit.jsonl
"""

import sys

from cshml_tf.cli.server import main

if __name__ == "__main__":
    sys.exit(main())
