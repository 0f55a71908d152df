"""The peer "python": servers and clients of Python's websockets, which do what they are asked and say what they saw.

They judge nothing. What goes over standard input and output is described in process.go, what a server does for each path
in server.go.
"""

import asyncio
import base64
import json
import platform
import ssl
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.protocol import CLIENT


def tell(value):
    print(json.dumps(value), flush=True)


def hello(ports):
    tell({"version": websockets.__version__, "runtime": "python " + platform.python_version(), "ports": ports})


def compression(setting, factory):
    """Returns the arguments for a setting."""
    if not setting:
        return {"compression": None}
    wishes = {name: value for name, value in setting.items() if value}
    if wishes.pop("defaults", False):
        return {"compression": "deflate"}
    return {"compression": None, "extensions": [factory(**wishes)]}


def agreement(connection):
    """Returns what was agreed on, or nothing. The two sides have other names for it than the parameters."""
    if not connection.protocol.extensions:
        return None
    (agreed,) = connection.protocol.extensions
    sides = ("client", "server") if connection.protocol.side is CLIENT else ("server", "client")
    settings = {}
    for side, place in zip(sides, ("local", "remote")):
        for what in ("no_context_takeover", "max_window_bits"):
            settings[f"{side}_{what}"] = getattr(agreed, f"{place}_{what}")
    return settings


class Talk:
    def __init__(self, name, connection):
        self.connection = connection
        self.report = {"name": name, "opened": True, "subprotocol": connection.subprotocol or "", "received": [], "pongs": 0}
        self.report["compression"] = agreement(connection)

    async def send_fragments(self, data, is_text):
        third = -(-len(data) // 3)
        await self.connection.send([data[:third], data[third : 2 * third], data[2 * third :]], text=is_text)

    async def ping(self, payload):
        pong = await self.connection.ping(payload)
        await pong  # a pong with another payload does not end this
        self.report["pongs"] += 1

    async def note_close(self):
        """Waits for the end of the connection."""
        try:
            while True:
                await self.connection.recv()
        except ConnectionClosed as closed:
            self.note(closed)

    def note(self, closed):
        code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
        self.report["close"] = {"code": code, "reason": reason, "first": "peer" if closed.rcvd_then_sent else "self"}


def split(message):
    is_text = isinstance(message, str)
    return (message.encode() if is_text else message), is_text


async def behave(talk, path, message):
    """Does what a server does with a message, by path."""
    data, is_text = split(message)
    if path == "echo":
        await talk.connection.send(message)
    elif path == "fragments":
        await talk.send_fragments(data, is_text)
    elif path == "ping":
        await talk.ping(data)
        await talk.connection.send(message)
    elif path == "close":
        order = json.loads(data)
        await talk.connection.close(order["code"], order["reason"])
    else:
        raise ValueError("no such path: " + path)


async def serve_one(connection):
    _, path, name = connection.request.path.split("/")
    talk = Talk(name, connection)
    try:
        while True:
            await behave(talk, path, await connection.recv())
    except ConnectionClosed as closed:
        talk.note(closed)
    except Exception as error:
        talk.report["error"] = repr(error)
    tell(talk.report)


def refuse(connection, request):
    if request.path.startswith("/refuse/"):
        return connection.respond(401, "who are you?\n")


def select(connection, offered):
    return "v2.barewire" if "v2.barewire" in offered else None


async def listen(context, setting):
    options = compression(setting, ServerPerMessageDeflateFactory)
    return await serve(
        serve_one, "127.0.0.1", 0, ssl=context, process_request=refuse, select_subprotocol=select, **options
    )


async def step(talk, what):
    """Does a step of a client."""
    verb, data, is_text = what["do"], base64.b64decode(what.get("data") or ""), what.get("type") == "text"
    if verb == "send":
        await talk.connection.send(data, text=is_text)
    elif verb == "send-fragments":
        await talk.send_fragments(data, is_text)
    elif verb == "receive":
        data, is_text = split(await talk.connection.recv())
        received = {"type": "text" if is_text else "binary", "data": base64.b64encode(data).decode()}
        talk.report["received"].append(received)
    elif verb == "ping":
        await talk.ping(data)
    elif verb == "close":
        await talk.connection.close(what["code"], what["reason"])
        await talk.note_close()
    elif verb == "await-close":
        await talk.note_close()
    else:
        raise ValueError("no such step: " + verb)


async def converse(job):
    context = None
    if job["url"].startswith("wss:"):
        context = ssl.create_default_context(cadata=job.get("ca") or None)
    connection = await connect(
        job["url"],
        ssl=context,
        origin=job.get("origin") or None,
        subprotocols=job.get("subprotocols") or None,
        proxy=None,
        **compression(job.get("compression"), ClientPerMessageDeflateFactory),
    )
    talk = Talk(job["name"], connection)
    try:
        for what in job["steps"]:
            await step(talk, what)
    except Exception as error:
        talk.report["error"] = repr(error)
        connection.transport.abort()
    return talk.report


async def dial_one(job):
    try:
        report = await converse(job)
    except InvalidStatus as refused:
        body = (refused.response.body or b"").decode()
        report = {"name": job["name"], "refusal": {"status": refused.response.status_code, "body": body}}
    except Exception as error:
        report = {"name": job["name"], "error": repr(error)}
    tell(report)


async def main():
    servers, tasks = {}, set()
    if sys.argv[1] == "serve":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2])
        for name, setting in json.loads(sys.argv[3]).items():
            servers[name] = await listen(context if name == "wss" else None, setting)
        hello({name: server.sockets[0].getsockname()[1] for name, server in servers.items()})
    else:
        hello({})
    while line := await asyncio.to_thread(sys.stdin.readline):
        task = asyncio.create_task(dial_one(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
