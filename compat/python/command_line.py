"""What the three Python clients share: the command line, the bundle's settings, the line of an event."""

import argparse
import json
import ssl


def options():
    parser = argparse.ArgumentParser(prog="consume")
    parser.add_argument("verb", choices=["consume"])
    parser.add_argument("--config", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--group")
    parser.add_argument("--count", type=int, default=2**63)
    parser.add_argument("--from-time", type=int)
    parser.add_argument("--protocol", default="classic")
    parser.add_argument("--session-timeout", type=int, default=45_000)
    return parser.parse_args()


def settings(path):
    """The lines of librdkafka.properties, without its default group."""
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: value for name, value in pairs if name != "group.id"}


def tls(bundle):
    """The bundle's PEM files, for clients that use Python's own TLS."""
    context = ssl.create_default_context(cafile=bundle["ssl.ca.location"])
    context.load_cert_chain(bundle["ssl.certificate.location"], bundle["ssl.key.location"])
    return context


def show(partition, offset, key):
    print(json.dumps({"partition": partition, "offset": offset, "key": key.decode()}), flush=True)
