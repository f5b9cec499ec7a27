"""Error messages outside of a job: while Hydra composes, or cannot make a folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from vaescope.config.refusals import refusal
from vaescope.errors import RunFolderError
from vaescope.escaping import printable

_RAISES = "HYDRA_FULL_ERROR"  # Hydra then leaves all errors to its caller
_OURS = "VAESCOPE_TELLS_ERRORS"


@contextmanager
def print_refusals() -> Iterator[None]:
    """Print what the user can mend as one message; let everything else pass.

    Raises:
        SystemExit: with 1, after a message; as SIGPIPE would, if nobody reads it any more.
    """
    if os.environ.get(_RAISES) == "1" and _OURS not in os.environ:  # the user wants tracebacks
        yield
        return
    os.environ |= {_RAISES: "1", _OURS: "1"}
    try:
        with _no_line_before_errors():
            yield
    except BrokenPipeError:  # who reads what is printed has seen enough: vaescope ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except Exception as error:
        told = refusal(error)
        if told is None or isinstance(error, RunFolderError):  # the command line's own to tell
            raise
        print(printable(told, keep="\n"), file=sys.stderr)
        raise SystemExit(1) from None
    finally:
        for name in (_RAISES, _OURS):
            os.environ.pop(name, None)


@contextmanager
def _no_line_before_errors() -> Iterator[None]:
    """Without ``Error executing job with overrides``, which Hydra writes before a job's error."""
    written = JobReturn.return_value

    def value(result: JobReturn) -> Any:
        if result.status is JobStatus.FAILED:
            raise result._return_value
        return written.__get__(result)

    kind: Any = JobReturn
    kind.return_value = property(value, written.fset)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        kind.return_value = written
