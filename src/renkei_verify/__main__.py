"""``python -m renkei_verify``."""

from renkei_verify.program import main

raise SystemExit(main())
