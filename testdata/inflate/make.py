"""Writes the vectors beside this file with zlib: python3 make.py, in this directory.

A line of zlib-W.txt is a message: how many bytes of plain text, their CRC-32, and the payload in hexadecimal, without the
00 00 FF FF of its end. The messages of a file belong to one sender with a window of 2^W bytes that takes over; a line that
begins with "sender" ends it and begins the next.
"""

import random
import zlib

TAIL = b"\x00\x00\xff\xff"


def text(rng, size):
    words = ["temperature", "humidity", "latency", "zlib", "é", "\n", "0.125", "null", "true", '{"id":', "},"]
    out = []
    length = 0
    while length < size:
        word = rng.choice(words) if rng.random() < 0.8 else str(rng.randrange(10**9))
        out.append(word)
        length += len(word.encode())
    return "".join(out).encode()[:size]


def plain(rng, size):
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randbytes(min(size, 300))
    if kind == 1:
        return bytes([rng.randrange(256)]) * size * 8
    if kind == 2:
        return bytes(min(255, int(rng.expovariate(0.08))) for _ in range(min(size, 900)))
    return text(rng, size)


def messages(rng, bits, settings):
    level, memory, strategy, flush, size = settings
    packer = zlib.compressobj(level, zlib.DEFLATED, -bits, memory, strategy)
    for _ in range(4):
        # Text that came 2^bits bytes ago must come again, at the far end of the window.
        data = b"".join(plain(rng, rng.randrange(1, size)) for _ in range(rng.randrange(1, 4)))
        if len(data) > 1 << bits:
            data += data[-(1 << bits) + 262 :][:300]
        packed = packer.compress(data)
        if flush is not None:
            packed += packer.flush(flush)
        packed += packer.flush(zlib.Z_SYNC_FLUSH)
        assert packed.endswith(TAIL)
        yield data, packed[:-4]


def write(bits):
    rng = random.Random(bits)
    with open(f"zlib-{bits}.txt", "w", encoding="ascii") as file:
        for settings in [
            (1, 8, zlib.Z_DEFAULT_STRATEGY, None, 1500),
            (6, 9, zlib.Z_DEFAULT_STRATEGY, None, 2 << bits if bits < 14 else 20000),
            (9, 8, zlib.Z_DEFAULT_STRATEGY, zlib.Z_FULL_FLUSH, 3000),
            (6, 1, zlib.Z_DEFAULT_STRATEGY, zlib.Z_PARTIAL_FLUSH, 3000),
            (6, 8, zlib.Z_FIXED, zlib.Z_BLOCK, 1500),
            (5, 8, zlib.Z_RLE, None, 800),
            (5, 8, zlib.Z_HUFFMAN_ONLY, None, 500),
            (0, 8, zlib.Z_DEFAULT_STRATEGY, None, 300),
        ]:
            file.write("sender level={} memory={} strategy={} flush={}\n".format(*settings))
            for data, packed in messages(rng, bits, settings):
                file.write(f"{len(data)} {zlib.crc32(data):08x} {packed.hex()}\n")


for bits in range(9, 16):
    write(bits)
