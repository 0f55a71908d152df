// The tab for /chat: who is in the room, and what they say.

import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { byId, onSubmit, part } from "./elements.js";
import { Log, eventLines } from "./log.js";
import { Room, chatHeartbeat, newSession } from "./room.js";
import { Status } from "./status.js";

export function startChat(settings) {
  const log = new Log(byId("chat-events"));
  const own = new Map(); // the lines of own messages that still change, by id
  const composer = new Composer(byId("say-fields"), byId("say"));
  const session = newSession();

  const room = new Room({
    welcome(m) {
      log.event("joined", `${m.room} as ${m.name}`);
    },

    missed(count) {
      log.event("missed", count === 1 ? "1 message is not in the history any more" : `${count} messages are not in the history any more`);
    },

    members(names, ours) {
      const items = names.map((name) => part("li", name === ours ? name + " (you)" : name));
      byId("members").replaceChildren(...items);
    },

    join(name) {
      log.event("join", name);
    },

    leave(name) {
      log.event("leave", name);
    },

    error(text) {
      log.event("error", text);
    },

    message(m, isHistory) {
      const line = log.add(isHistory ? "message history" : "message", m.from, m.text, new Date(m.time));
      line.append(part("small", isHistory ? `${m.n}, history` : String(m.n)));
    },

    own(id, { state, text, n, why }) {
      if (state === "pending") {
        const line = log.add("message own", room.name, text);
        line.append(part("small", ""));
        own.set(id, line);
      }
      const line = own.get(id);
      if (line === undefined) {
        return; // a receipt for something that this page has not sent
      }
      line.dataset.state = state;
      line.lastElementChild.textContent = {
        pending: "pending",
        receipt: `${n}, receipt`,
        refused: `refused: ${why}`,
        unsure: "no receipt, perhaps lost",
      }[state];
      if (state === "receipt" || state === "refused") {
        own.delete(id);
      }
      log.follow();
    },
  });

  const connection = new Connection(settings, {
    ...eventLines(log, settings),

    received(data) {
      room.receive(data);
    },

    closed(event) {
      room.lost();
      eventLines(log, settings).closed(event);
    },

    roundTrip(milliseconds) {
      status.showTrip(milliseconds);
    },

    changed() {
      showControls();
      status.show();
    },
  });
  const status = new Status(byId("chat-status"), connection);

  function say() {
    const text = byId("say").value;
    if (!connection.send(room.compose(text))) {
      room.lost(); // onclose is about to come
    }
    byId("say").value = "";
  }

  function showControls() {
    const { state } = connection;
    byId("join-fields").disabled = state !== "closed";
    byId("leave").disabled = state !== "open" && state !== "connecting";
    composer.show(connection);
  }

  onSubmit("join-form", () => connection.connect(url(session), [], chatHeartbeat));
  onSubmit("say-form", say);
  byId("leave").addEventListener("click", function () {
    connection.close(1000); // the purpose is fulfilled, RFC 6455 §7.4.1
    log.event("closing", "waiting for the other side");
  });
  byId("chat-clear").addEventListener("click", function () {
    log.clear();
    room.forget();
  });
  byId("room").addEventListener("input", checkRoom);
  checkRoom();
  showControls();
}

// The server refuses longer names with a status that no page can see.
function checkRoom() {
  const bytes = new TextEncoder().encode(byId("room").value.trim()).length;
  byId("room").setCustomValidity(bytes > 64 ? "The name of a room has at most 64 bytes." : "");
}

// url has no room or name when the field is empty: the server has defaults.
function url(session) {
  const address = new URL("/chat", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  for (const id of ["room", "name"]) {
    const value = byId(id).value.trim();
    if (value !== "") {
      address.searchParams.set(id, value);
    }
  }
  address.searchParams.set("session", session);
  return address.href;
}
