"""``python -m elbowroom``."""

import sys

from elbowroom.cli import main

sys.exit(main())
