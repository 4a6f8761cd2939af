"""What `leafworks --help` says."""

USAGE = """\
leafworks: from raw recordings to a table of audio front ends, with intervals.

  leafworks run NAME|FILE.py [--source DIR]    prepare, train, report; a second time: only what is missing;
                                               with --laptop, most experiments in small
  leafworks plan NAME|FILE.py [--source DIR]   what would run, why, how long
  leafworks plan prepare CORPUS [--source DIR] clips, hours, bytes, shards, time and disk of a preparation
  leafworks fetch CORPUS --to DIR              downloads a corpus, checks it and unpacks it; again: goes on
  leafworks prepare CORPUS [--source DIR]      one corpus to one snapshot of TFRecord shards
  leafworks verify SNAPSHOT                    read every record again and compare with ledger and card
  leafworks show SNAPSHOT [--page OUT.html]    what a snapshot holds, and which clips were rejected and why
  leafworks diff SNAPSHOT SNAPSHOT             clips only here, only there, changed, and why
  leafworks duplicates SNAPSHOT...             copies and near copies, within and across splits and snapshots
  leafworks report NAME [--clips LIST]         the table and the page again, on all clips or on common ones
  leafworks compare RUN RUN                    two runs on the test clips that they share
  leafworks reproduce RUN                      trains it again from its passport; is it the same?
  leafworks sync                               to MLflow, what it could not be told while it was away
  leafworks inspect FRONTEND                   pictures and numbers of what a front end does and has learned
  leafworks featurize WAV... --frontend FRONTEND   features of any recordings, and a picture of each
  leafworks list                               workflows, corpora, front ends, encoders

`leafworks COMMAND --help` explains a command and its flags; `leafworks run NAME --help` lists every knob of an
experiment with its default. FRONTEND is a name that `leafworks list` prints, run:ID of a trained one, or a .keras
file. plan, fetch, verify, show, diff, duplicates, report, compare and list print JSON with --json. Results go below
./output (--root).

Start here:  leafworks run quickstart
"""
