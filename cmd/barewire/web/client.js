// A WebSocket client for /echo and /broadcast. The parts about WebSocket are
// connect, send and disconnect; everything below them is about the page.
"use strict";

let socket = null;

function connect() {
  const offered = subprotocols();
  try {
    socket = new WebSocket(url(), offered);
  } catch (error) { // a subprotocol is no token, or there are two of the same name
    log("error", error.message);
    return;
  }
  socket.binaryType = "arraybuffer"; // the default is "blob"
  log("connecting", url() + (offered.length > 0 ? ", offering " + offered.join(", ") : ""));

  socket.onopen = function () {
    const chosen = socket.protocol === "" ? "no subprotocol" : "subprotocol " + quote(socket.protocol);
    // What the server has answered to the browser's own offer; pages cannot make one.
    const compression = socket.extensions === "" ? "no compression" : "compression " + quote(socket.extensions);
    log("open", chosen + ", " + compression);
    showState();
    byId("payload").focus();
  };

  socket.onmessage = function (event) {
    log("received", describe(event.data));
  };

  socket.onclose = function (event) {
    const reason = event.reason === "" ? "no reason" : "reason " + quote(event.reason);
    log("close", `code ${event.code}, ${reason}, wasClean ${event.wasClean}`);
    showState();
  };

  // The event says nothing about the error: a page must not learn about hosts
  // that refuse it. onclose follows.
  socket.onerror = function () {
    log("error", "the connection failed");
  };

  showState();
}

function send() {
  const payload = byId("payload").value;
  if (chosen("type") === "text") {
    socket.send(payload);
    log("sent", describe(payload));
    return;
  }
  const bytes = parseHex(payload);
  if (bytes === null) {
    log("error", "binary messages are written in hexadecimal digits, two for a byte");
    return;
  }
  socket.send(bytes);
  log("sent", describe(bytes.buffer));
}

function disconnect() {
  const code = byId("code").value.trim();
  const reason = byId("reason").value;
  try {
    if (code === "" && reason === "") {
      socket.close(); // a Close frame without a code: the other side sees 1005
    } else {
      socket.close(code === "" ? 1000 : Number(code), reason);
    }
  } catch (error) { // the code is not 1000 or 3000 to 4999, or the reason is too long
    log("error", error.message);
    return;
  }
  log("closing", "waiting for the other side");
  showState();
}

// --- what the user has chosen ---

function byId(id) {
  return document.getElementById(id);
}

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

// --- what is shown ---

const maxEvents = 500; // that the log keeps
const maxShown = 500; // characters of a text, or half as many bytes

let following = true; // the log shows its end, unless the user has scrolled up to read
let width = 0, height = 0; // of the log

// showState follows socket.readyState.
function showState() {
  const names = ["connecting", "open", "closing", "closed"];
  const state = names[socket === null ? WebSocket.CLOSED : socket.readyState];
  byId("state").textContent = state;
  byId("state").className = "state " + state;
  byId("connect-fields").disabled = state !== "closed";
  byId("message-fields").disabled = state !== "open";
  byId("close-fields").disabled = state !== "open" && state !== "connecting";
}

function showURL() {
  byId("url").textContent = url();
}

function showType() {
  byId("payload-label").textContent = chosen("type") === "text" ? "Text" : "Bytes in hexadecimal";
}

// describe returns type, size and content of a message.
function describe(data) {
  if (typeof data === "string") {
    const size = new TextEncoder().encode(data).length;
    return `text, ${count(size)}: ${quote(shorten(data))}`;
  }
  const bytes = new Uint8Array(data);
  const hex = Array.from(bytes.subarray(0, maxShown / 2), (b) => b.toString(16).padStart(2, "0")).join(" ");
  return `binary, ${count(bytes.length)}: ` + (bytes.length > maxShown / 2 ? hex + " …" : hex);
}

function count(bytes) {
  return bytes === 1 ? "1 byte" : bytes + " bytes";
}

function shorten(text) {
  return text.length > maxShown ? text.slice(0, maxShown) + "…" : text;
}

// quote makes line breaks and control characters visible.
function quote(text) {
  return JSON.stringify(text);
}

// log adds a line to the events. Everything goes through textContent, so
// nothing that a message contains can become part of the page.
function log(kind, detail) {
  const list = byId("events");
  const item = document.createElement("li");
  item.className = kind;
  item.append(part("time", clock()), part("strong", kind), part("span", detail));
  list.append(item);
  while (list.children.length > maxEvents) {
    list.firstElementChild.remove();
  }
  follow();
}

function isAtEnd(list) {
  return list.scrollHeight - list.scrollTop - list.clientHeight < 8;
}

function follow() {
  if (following) {
    byId("events").scrollTop = byId("events").scrollHeight;
  }
}

function part(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

// clock returns the time of day with milliseconds.
function clock() {
  const now = new Date();
  const two = (n) => String(n).padStart(2, "0");
  return `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}.${String(now.getMilliseconds()).padStart(3, "0")}`;
}

// --- what the user does ---

function onSubmit(form, action) {
  byId(form).addEventListener("submit", function (event) {
    event.preventDefault(); // nothing is sent by HTTP
    action();
  });
}

onSubmit("connection", connect);
onSubmit("message", send);
onSubmit("closing", disconnect);

byId("connection").addEventListener("change", showURL);
byId("message").addEventListener("change", showType);
byId("clear").addEventListener("click", function () {
  byId("events").replaceChildren();
});
byId("events").addEventListener("scroll", function () {
  if (width === byId("events").clientWidth && height === byId("events").clientHeight) {
    following = isAtEnd(byId("events"));
  } // else the browser has scrolled, not the user
});
new ResizeObserver(function () {
  width = byId("events").clientWidth;
  height = byId("events").clientHeight;
  follow();
}).observe(byId("events"));
byId("payload").addEventListener("keydown", function (event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    byId("message").requestSubmit();
  }
});

showURL();
showType();
showState();
