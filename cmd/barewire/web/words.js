// How things are put into words: messages, times, the result of a handshake.
// Texts only, no page.

const maxShown = 500; // characters of a text, or half as many bytes

// clock returns the time of day with milliseconds.
export function clock(date) {
  const digits = (n, width) => String(n).padStart(width, "0");
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => digits(n, 2)).join(":") +
    "." + digits(date.getMilliseconds(), 3);
}

// handshakeResult tells what the server has answered to the offers of page and
// browser. Pages cannot offer compression themselves.
export function handshakeResult(socket) {
  const chosen = socket.protocol === "" ? "no subprotocol" : "subprotocol " + quote(socket.protocol);
  const compression = socket.extensions === "" ? "no compression" : "compression " + quote(socket.extensions);
  return chosen + ", " + compression;
}

// withoutSession returns an address as it may be shown to those who look on: with
// the session they could take this page's place in the chat.
export function withoutSession(url) {
  const address = new URL(url);
  address.searchParams.delete("session");
  return address.href;
}

export function seconds(milliseconds) {
  return Math.round(milliseconds) / 1000 + " s";
}

// describe returns type, size and content of a message.
export function describe(data) {
  if (typeof data === "string") {
    const size = new TextEncoder().encode(data).length;
    const shown = data.length > maxShown ? data.slice(0, maxShown) + "…" : data;
    return `text, ${count(size)}: ${quote(shown)}`;
  }
  const bytes = new Uint8Array(data);
  const hex = Array.from(bytes.subarray(0, maxShown / 2), (b) => b.toString(16).padStart(2, "0")).join(" ");
  return `binary, ${count(bytes.length)}: ` + (bytes.length > maxShown / 2 ? hex + " …" : hex);
}

function count(bytes) {
  return bytes === 1 ? "1 byte" : bytes + " bytes";
}

// quote makes line breaks and control characters visible.
export function quote(text) {
  return JSON.stringify(text);
}
