"""The peer "zlib": what inflates our messages, and deflates some for us, by the raw streams of Python's zlib.

It judges nothing. What goes over standard input and output is described in process.go, the jobs in zlib.go.
"""

import base64
import json
import platform
import sys
import zlib

TAIL = b"\x00\x00\xff\xff"  # 7692 §7.2.1: what is left out at the end of a message
PIECE = 64  # of input at a time, because what is left over is copied each time


def tell(value):
    print(json.dumps(value), flush=True)


def inflate_strictly(stream, data):
    """Takes the output byte by byte: zlib lets all distances pass within what it returns at once."""
    out = bytearray()
    for i in range(0, len(data), PIECE):
        rest = data[i : i + PIECE]
        while True:
            byte = stream.decompress(rest, 1)
            rest = stream.unconsumed_tail
            out += byte
            if not byte and not rest:
                break
    if stream.eof:
        raise ValueError("there is a final block")
    return bytes(out)


def inflate(job, messages):
    stream = None
    for data in messages:
        if stream is None or job["alone"]:
            stream = zlib.decompressobj(wbits=-job["bits"])
        yield inflate_strictly(stream, data + TAIL)


def deflate(job, messages):
    stream = None
    for data in messages:
        if stream is None or job["alone"]:
            stream = zlib.compressobj(
                level=job["level"], wbits=-job["bits"], strategy=getattr(zlib, job["strategy"])
            )
        data = stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)
        if not data.endswith(TAIL):
            raise ValueError("there is no tail")
        yield data[: -len(TAIL)]


def do(job):
    report = {"name": job["name"], "received": []}
    messages = [base64.b64decode(data or "") for data in job["messages"]]
    try:
        for data in {"inflate": inflate, "deflate": deflate}[job["do"]](job, messages):
            report["received"].append({"type": "binary", "data": base64.b64encode(data).decode()})
    except Exception as error:
        report["error"] = repr(error)
    return report


tell({"version": "", "runtime": f"{platform.python_version()}, zlib {zlib.ZLIB_RUNTIME_VERSION}"})
for line in sys.stdin:
    tell(do(json.loads(line)))
