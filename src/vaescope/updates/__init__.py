"""Several updates in one call of Lightning's loop, whose own cost is paid once for all of them."""

from vaescope.updates.call_length import CallLength
from vaescope.updates.loop import make_calls
from vaescope.updates.pace import Pace

__all__ = ["CallLength", "Pace", "make_calls"]
