"""A user of an app logs in, as a program: ``python login.py FOLDER SERVER PROVIDER TOKEN…``.

It tries one token after another, says what came of each, writes once it is logged in, and logs in with the last token again
whenever it is asked to. It ends when its input does.
"""

import sys

from headwater.compat import Ditto, DittoConfig

folder, server, provider, *tokens = sys.argv[1:]
ditto = Ditto.open(DittoConfig("default", {"mode": "server", "url": server}, folder))


def log_in(asking, token):
    error = asking.auth.login(token, provider)
    return "logged in" if error is None else error.code


for token in tokens:
    print(log_in(ditto, token), flush=True)
ditto.auth.set_expiration_handler(lambda asking, seconds: print("again:", log_in(asking, tokens[-1]), flush=True))
ditto.start_sync()
print(ditto.store.collection("people").upsert({"name": "Susan"}), flush=True)

sys.stdin.read()
ditto.close()
