"""The main function of a stage of preparation: that of `infra.stage`, in a process without pandas."""

import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from typing import Any, TypeVar

from infra import stage

Request = TypeVar("Request")


def serve(request_type: type[Request], work: Callable[[Request], Any]) -> None:
    """As `infra.stage.serve`."""
    leave_out_pandas()
    stage.serve(request_type, work)


def leave_out_pandas() -> None:
    """Makes this process one where pandas is not installed.

    Where it is (mlflow needs it), Beam loads it to have coders for it, and pyarrow to ask whether a list is one of its
    own: half a second and 49 MB for each process that decodes, and for each question about a ledger.
    """
    sys.meta_path.insert(0, _NoPandas())


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, *_: Any) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("No module named 'pandas': preparation has no use for it.", name=fullname)
