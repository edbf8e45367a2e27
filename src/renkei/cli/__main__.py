"""``python -m renkei.cli``."""

from renkei.cli import main

raise SystemExit(main())
