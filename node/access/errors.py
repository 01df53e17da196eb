"""Errors of access.

AccessError            a file of ours cannot be used (operator)
AccessRefused          a key or token is not accepted (client); never carries the key or token
"""

from node.errors import NodeError


class AccessError(NodeError):
    """The access file or the token key cannot be used: ACCESS_FILE, ACCESS_FILE_MODE, TOKEN_KEY, KEY_NAME."""


class AccessRefused(NodeError):
    """Not accepted: KEY_UNKNOWN, KEY_EXPIRED, TOKEN_INVALID, TOKEN_EXPIRED, CREDENTIALS_TWICE or _MALFORMED."""
