"""Numbers that name one person in the whole nation: keyed tokens for equality, a vault for the number itself.

``tokens`` makes a token of a number; ``envelope`` and ``keyring`` encrypt; ``store`` is the schema ``vault``
in the registry's database; ``policy`` is what a city declares of it. The vault is off unless it says so.
"""
