"""Regular expressions that run in linear time: no look-around, no back-references."""


def misspelt(pattern: str) -> bool:
    """True where RE2 does not take the expression."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error:
        return True
    return False
