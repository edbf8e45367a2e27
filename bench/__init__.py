"""Measures a night's stages side by side with their floors and with the usual ways; see ``docs/bench.md``."""
