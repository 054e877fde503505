"""Reading any file of codes: what it is, what its columns are, and its lines in batches.

``look`` recognises a file and shows its first rows; ``read`` gives its lines with what is wrong with each, in flat
memory whatever the file. Nothing here knows Django, pools or campaigns.
"""

from codes.files.reading import look, read
from codes.files.shape import ROLES, Batch, CannotRead, Look, Shape, with_roles

__all__ = ["ROLES", "Batch", "CannotRead", "Look", "Shape", "look", "read", "with_roles"]
