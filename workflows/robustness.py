"""Noise: Speech Commands tested, and trained, at signal-to-noise ratios from 20 dB down to 0 dB.

    leafworks run robustness --source PATH/TO/SPEECH_COMMANDS --gpus-per-worker 1

Gaussian noise, as in the paper, whose levels are not known. Each trial is tested without noise and at four ratios; one
training is without noise, the others at 10 dB and 0 dB. Expect a table of each training and test.
Times are not measured: `leafworks plan` estimates them once a trial is finished; `--laptop` shrinks it to try it out.
"""

import dataclasses

from pipelines.config import PrepareConfig
from workflows.frontend_sets import FOUR
from workflows.matrix import Matrix
from workflows.single_task import TRAIN

WORKFLOW = Matrix(
    name="robustness",
    tasks={"speech_commands": (PrepareConfig(corpus="speech_commands"),)},
    frontends=FOUR,
    train=dataclasses.replace(TRAIN, test_snr_db=(20.0, 10.0, 5.0, 0.0)),
    train_snr_db=(10.0, 0.0),
)
