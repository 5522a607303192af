"""`python -m randquant …` in, the same as `randquant …` out."""

from __future__ import annotations

import sys

from randquant.cli import main

sys.exit(main())
