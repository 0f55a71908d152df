// The peer "ws": servers and clients of npm's ws, which do what they are asked and say what they saw. They judge nothing.
// What goes over standard input and output is described in process.go, what a server does for each path in server.go.
"use strict";

const { once } = require("node:events");
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const readline = require("node:readline");
const { WebSocket, WebSocketServer } = require("ws");

function tell(value) {
  process.stdout.write(JSON.stringify(value) + "\n");
}

function hello(ports) {
  tell({ version: require("ws/package.json").version, runtime: `node ${process.version}`, ports });
}

// compression returns the option for a setting; without a threshold, so that short messages are compressed too.
function compression(setting) {
  return setting && {
    serverNoContextTakeover: setting.server_no_context_takeover || undefined,
    clientNoContextTakeover: setting.client_no_context_takeover || undefined,
    serverMaxWindowBits: setting.server_max_window_bits || undefined,
    clientMaxWindowBits: setting.client_max_window_bits || undefined,
    threshold: 0,
  };
}

// agreement returns what was agreed on, or undefined. The property is not public, but no other says it.
function agreement(socket) {
  return socket._extensions["permessage-deflate"]?.params;
}

class Talk {
  constructor(name, socket) {
    this.socket = socket;
    this.report = { name, opened: true, subprotocol: socket.protocol, received: [], pongs: 0 };
    this.report.compression = agreement(socket);
    this.messages = []; // those that nobody has received yet
    this.wake = () => {};
    socket.on("message", (data, binary) => {
      this.messages.push({ data, binary });
      this.wake();
    });
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        this.report.close = { code, reason: reason.toString(), first: this.began ? "self" : "peer" };
        this.wake();
        resolve();
      });
    });
    socket.on("error", (error) => (this.report.error = String(error)));
  }

  // receive returns undefined when the connection is over.
  async receive() {
    while (this.messages.length === 0 && !this.report.close) {
      await new Promise((resolve) => (this.wake = resolve));
    }
    return this.messages.shift();
  }

  send({ data, binary }) {
    this.socket.send(data, { binary });
  }

  sendFragments({ data, binary }) {
    const third = Math.ceil(data.length / 3);
    this.socket.send(data.subarray(0, third), { binary, fin: false });
    this.socket.send(data.subarray(third, 2 * third), { binary, fin: false });
    this.socket.send(data.subarray(2 * third), { binary, fin: true });
  }

  async ping(payload) {
    this.socket.ping(payload);
    const [pong] = await once(this.socket, "pong");
    if (pong.equals(payload)) {
      this.report.pongs++;
    }
  }

  close(code, reason) {
    this.began = this.socket.readyState === WebSocket.OPEN; // it is not when the other side's Close has come
    this.socket.close(code, reason);
  }
}

// What a server does with a message, by path.
const behaviours = {
  echo: (talk, message) => talk.send(message),
  fragments: (talk, message) => talk.sendFragments(message),
  async ping(talk, message) {
    await talk.ping(message.data);
    talk.send(message);
  },
  close(talk, message) {
    const { code, reason } = JSON.parse(message.data);
    talk.close(code, reason);
  },
};

async function serveOne(socket, request) {
  const [, path, name] = request.url.split("/");
  const talk = new Talk(name, socket);
  try {
    for (let message; (message = await talk.receive()); ) {
      await behaviours[path](talk, message);
    }
  } catch (error) {
    talk.report.error = String(error);
    socket.terminate();
  }
  await talk.closed;
  tell(talk.report);
}

async function listen(server, setting) {
  const sockets = new WebSocketServer({
    server,
    perMessageDeflate: compression(setting) || false,
    handleProtocols: (offered) => offered.has("v2.barewire") && "v2.barewire",
    verifyClient({ req }, answer) {
      const refused = req.url.startsWith("/refuse/");
      answer(!refused, 401, "who are you?\n", { "WWW-Authenticate": "Basic" });
    },
  });
  sockets.on("connection", serveOne);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

async function serve(pem, settings) {
  const ports = {};
  for (const [name, setting] of Object.entries(settings)) {
    const server = name === "wss" ? https.createServer({ cert: pem, key: pem }) : http.createServer();
    ports[name] = await listen(server, setting);
  }
  hello(ports);
}

// open returns a socket, or undefined when the report says why there is none.
async function open(job, report) {
  const socket = new WebSocket(job.url, job.subprotocols || [], {
    ca: job.ca || undefined,
    origin: job.origin || undefined,
    perMessageDeflate: compression(job.compression) || false,
  });
  return new Promise((resolve) => {
    socket.on("open", () => resolve(socket));
    socket.on("error", (error) => {
      report.error = String(error);
      resolve();
    });
    socket.on("unexpected-response", async (request, response) => {
      report.refusal = { status: response.statusCode, body: "" };
      for await (const piece of response.setEncoding("utf8")) {
        report.refusal.body += piece;
      }
      resolve();
    });
  });
}

// What a client does in a step.
const steps = {
  send: (talk, step) => talk.send(step),
  "send-fragments": (talk, step) => talk.sendFragments(step),
  async receive(talk) {
    const message = await talk.receive();
    if (!message) {
      throw new Error("the connection was closed before a message came");
    }
    const { data, binary } = message;
    talk.report.received.push({ type: binary ? "binary" : "text", data: data.toString("base64") });
  },
  ping: (talk, step) => talk.ping(step.data),
  async close(talk, step) {
    talk.close(step.code, step.reason);
    await talk.closed;
  },
  "await-close": (talk) => talk.closed,
};

async function dialOne(job) {
  const failed = { name: job.name };
  const socket = await open(job, failed);
  if (!socket) {
    return tell(failed);
  }
  const talk = new Talk(job.name, socket);
  try {
    for (const { do: verb, type, data, code, reason } of job.steps) {
      await steps[verb](talk, { data: Buffer.from(data || "", "base64"), binary: type === "binary", code, reason });
    }
  } catch (error) {
    talk.report.error = String(error);
    socket.terminate();
  }
  tell(talk.report);
}

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => dialOne(JSON.parse(line)));
lines.on("close", () => process.exit());
if (process.argv[2] === "serve") {
  serve(fs.readFileSync(process.argv[3]), JSON.parse(process.argv[4]));
} else {
  hello({});
}
