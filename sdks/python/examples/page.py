"""The page's write, as a program: ``python page.py FOLDER SERVER``.

It needs no server: what it writes is in the folder when it prints the id, and is synced then or by the next program that
opens the folder. It ends when its input does.
"""

import sys

from headwater.compat import Ditto, DittoConfig

folder, server = sys.argv[1:]
ditto = Ditto.open(DittoConfig("default", {"mode": "server", "url": server}, folder))
ditto.start_sync()

doc_id = ditto.store.collection("people").upsert({
    "name": "Susan",
    "age": 31,
})
print(doc_id, flush=True)  # "507f191e810c19729de860ea"

sys.stdin.read()
ditto.close()
