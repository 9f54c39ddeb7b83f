"""The error for input that a person can mend."""


class InputError(Exception):
    """Bad input: the message is one line that names the file or key, the value, and what is allowed."""
