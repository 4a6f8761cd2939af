"""Which attempt owns a trial's folder, and whether it has been asked to stop: a small file there.

A worker that was cut off or stopped may wake up when another attempt has long begun; it finds a claim that is not
its own and writes no more.
"""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.files import write_atomically

CLAIM_NAME = "attempt.json"
State = Literal["held", "stop", "lost"]


@dataclass(frozen=True)
class Claim:
    """An attempt's hold on a trial's folder.

    Attributes:
      folder: of the trial.
      token: of the attempt; another one for every attempt.
    """

    folder: str
    token: str

    @classmethod
    def take(cls, folder: str) -> "Claim":
        """The folder belongs to a new attempt from now on."""
        claim = cls(folder=folder, token=uuid.uuid4().hex)
        claim._write(stop=False)
        return claim

    def ask_to_stop(self) -> None:
        """Asks the attempt's workers to stop at a step boundary; nothing where another attempt owns the folder."""
        if self.state() == "held":
            self._write(stop=True)

    def state(self) -> State:
        """Whether the folder is this attempt's, and if so whether it shall stop."""
        try:
            found = json.loads((Path(self.folder) / CLAIM_NAME).read_text())
        except FileNotFoundError:  # the folder was removed: whatever is written now belongs to nobody
            return "lost"
        if found["token"] != self.token:
            return "lost"
        return "stop" if found["stop"] else "held"

    def _write(self, *, stop: bool) -> None:
        write_atomically(Path(self.folder) / CLAIM_NAME, json.dumps({"token": self.token, "stop": stop}))
