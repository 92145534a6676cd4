"""Pushes what waits in a folder: ``python flush.py FOLDER SERVER``. It prints the id of the server's transaction."""

import sys

from headwater import Headwater

folder, server = sys.argv[1:]
with Headwater.open(folder, server) as headwater:
    headwater.start_sync()
    print(headwater.sync.flushed(timeout=30))
