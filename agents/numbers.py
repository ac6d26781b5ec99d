"""Numbers in URLs, as text. Pure."""

MAX_DIGITS = 18


def parse_seq(text: str) -> int | None:
    """A sequence number that a database can hold; None for all else."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if is_number else None
