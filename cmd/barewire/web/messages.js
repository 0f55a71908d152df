// The tab for /echo and /broadcast: messages as they are, text or bytes.

import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { byId, onSubmit } from "./elements.js";
import { Log, eventLines } from "./log.js";
import { Status } from "./status.js";
import { describe, seconds } from "./words.js";

export function startMessages(settings) {
  const log = new Log(byId("events"));
  const composer = new Composer(byId("message-fields"), byId("payload"));
  const connection = new Connection(settings, {
    ...eventLines(log, settings),

    received(data) {
      log.event("received", describe(data));
    },

    roundTrip(milliseconds) {
      status.showTrip(milliseconds);
    },

    changed() {
      showControls();
      status.show();
    },
  });
  const status = new Status(byId("messages-status"), connection);

  function connect() {
    try {
      connection.connect(url(), subprotocols(), chosen("path") === "/echo" ? echoHeartbeat : null);
    } catch (error) { // a subprotocol is no token, or there are two of the same name
      log.event("error", error.message);
    }
  }

  function send() {
    const payload = byId("payload").value;
    const data = chosen("type") === "text" ? payload : parseHex(payload);
    if (data === null) {
      log.event("error", "binary messages are written in hexadecimal digits, two for a byte");
    } else if (connection.send(data)) {
      log.event("sent", describe(data));
    } else {
      log.event("error", "not sent: the server has begun to close the connection");
    }
  }

  function disconnect() {
    const code = byId("code").value.trim();
    const reason = byId("reason").value;
    try {
      if (code === "" && reason === "") {
        connection.close(); // a Close frame without a code: the other side sees 1005
      } else {
        connection.close(code === "" ? 1000 : Number(code), reason);
      }
    } catch (error) { // the code is not 1000 or 3000 to 4999, or the reason is too long
      log.event("error", error.message);
      return;
    }
    log.event("closing", "waiting for the other side");
  }

  function showControls() {
    const { state } = connection;
    byId("connect-fields").disabled = state !== "closed";
    byId("close-fields").disabled = state !== "open" && state !== "connecting";
    composer.show(connection);
  }

  function showTarget() {
    byId("url").textContent = url();
    byId("heartbeat-note").textContent = chosen("path") === "/echo"
      ? `Heartbeat: a text every ${seconds(settings.heartbeat)}, which comes back and is not listed.`
      : "No heartbeat: everybody would get it. So a server that is gone without a word is not noticed here.";
  }

  function showType() {
    byId("payload-label").textContent = chosen("type") === "text" ? "Text" : "Bytes in hexadecimal";
  }

  onSubmit("connection", connect);
  onSubmit("message", send);
  onSubmit("closing", disconnect);
  byId("connection").addEventListener("change", showTarget);
  byId("message").addEventListener("change", showType);
  byId("clear").addEventListener("click", () => log.clear());
  byId("payload").addEventListener("keydown", function (event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      byId("message").requestSubmit();
    }
  });
  showTarget();
  showType();
  showControls();
}

// On /echo a heartbeat is a text, and its answer is the same text.
const echoHeartbeat = {
  compose: (id) => id,
  answered: (data) => data,
};

function chosen(name) {
  return document.querySelector(`input[name="${name}"]:checked`).value;
}

function url() {
  const scheme = location.protocol === "https:" ? "wss://" : "ws://";
  return scheme + location.host + chosen("path");
}

function subprotocols() {
  return byId("subprotocol").value.split(",").map((name) => name.trim()).filter((name) => name !== "");
}

// parseHex returns null when the text is not hexadecimal.
function parseHex(text) {
  const digits = text.replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) {
    return null;
  }
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  }
  return bytes;
}
