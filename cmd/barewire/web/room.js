// The page's side of the protocol of /chat: JSON objects in text messages, each
// with a "type". It knows who is in the room, which messages have been shown and
// which of our own have a receipt. What is to be shown it tells a view. In short
// (docs/chat.md has all of it):
//
//	client: message {id, text}    ping {id}
//	server: welcome {room, name, epoch, members, history}    join, leave {name, members?}
//	        message {n, from, text, time}    receipt {id, n, time}    pong {id}    error {id, text}

export class Room {
  // view has the functions welcome, missed, members, message, own, join, leave and error.
  constructor(view) {
    this.view = view;
    this.name = ""; // what the others see
    this.epoch = ""; // of the messages' numbers: a server that was restarted counts anew
    this.last = 0; // the highest number of this epoch
    this.present = []; // the names of those who are there, sorted
    this.seen = new Set(); // of "epoch number"
    this.count = 0;
    this.pending = new Map(); // own messages without a receipt, by id
    this.unsure = []; // those whose connection was lost before the receipt came
  }

  // compose returns the text to be sent for a new message of ours.
  compose(text) {
    const id = "c" + ++this.count;
    this.pending.set(id, { id, text });
    this.view.own(id, { state: "pending", text });
    return JSON.stringify({ type: "message", id, text });
  }

  // lost notes that there will be no more receipts from a connection. It is not
  // known whether the server has got those messages, so they are not sent again.
  lost() {
    for (const message of this.pending.values()) {
      this.unsure.push(message);
      this.view.own(message.id, { state: "unsure" });
    }
    this.pending.clear();
    this.present = [];
    this.view.members([], "");
  }

  // receive takes a message from the server.
  receive(data) {
    const m = parse(data);
    switch (m.type) {
      case "welcome":
        this.enter(m);
        break;
      case "message":
        this.show(m, false);
        break;
      case "receipt":
        this.pending.delete(m.id);
        this.note(m.n);
        this.view.own(m.id, { state: "receipt", n: m.n });
        break;
      case "join":
      case "leave":
        this.present = m.members ?? this.counted(m); // large rooms leave the list out
        this.view.members(this.present, this.name);
        this.view[m.type](m.name);
        break;
      case "error":
        this.refuse(m);
        break;
    } // others may be added to the protocol later
  }

  // counted returns who is there after one has come or gone.
  counted(m) {
    const others = this.present.filter((name) => name !== m.name);
    return m.type === "join" ? [...others, m.name].sort() : others;
  }

  enter(m) {
    const before = { name: this.name, epoch: this.epoch, last: this.last };
    this.name = m.name;
    this.epoch = m.epoch;
    this.last = m.epoch === before.epoch ? before.last : 0;
    this.view.welcome(m);
    this.present = m.members;
    this.view.members(m.members, m.name);
    const history = m.history ?? [];
    if (m.epoch === before.epoch && history.length > 0 && history[0].n > before.last + 1) {
      this.view.missed(history[0].n - before.last - 1); // the server keeps only the last ones
    }
    for (const old of history) {
      if (old.from !== before.name || !this.settle(old)) {
        this.show(old, true);
      }
    }
    this.unsure = [];
  }

  // settle finds our own message in the history when only its receipt was lost.
  settle(old) {
    const at = this.isNew(old.n) ? this.unsure.findIndex((message) => message.text === old.text) : -1;
    if (at < 0) {
      return false;
    }
    const [message] = this.unsure.splice(at, 1);
    this.note(old.n);
    this.view.own(message.id, { state: "receipt", n: old.n });
    return true;
  }

  // show leaves out what has been shown: after a loss of the connection the
  // history has messages that came before it.
  show(m, isHistory) {
    if (this.isNew(m.n)) {
      this.note(m.n);
      this.view.message(m, isHistory);
    }
  }

  isNew(n) {
    return !this.seen.has(this.epoch + " " + n);
  }

  note(n) {
    this.seen.add(this.epoch + " " + n);
    this.last = Math.max(this.last, n);
  }

  refuse(m) {
    if (this.pending.delete(m.id)) {
      this.view.own(m.id, { state: "refused", why: m.text });
    } else {
      this.view.error(m.text);
    }
  }

  // forget lets the history be shown again.
  forget() {
    this.seen.clear();
  }
}

// newSession returns what tells the server that connections are of the same page:
// one that comes back takes the place, and the name, of one that the server still
// believes to be open. There are 128 random bits in it, so that nobody else finds
// it. (crypto.randomUUID exists only in pages that come by HTTPS or from this
// machine.)
export function newSession() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

// The heartbeat of /chat is a message of its own type. (See heartbeat.js.)
export const chatHeartbeat = {
  compose: (id) => JSON.stringify({ type: "ping", id }),

  answered(data) {
    const m = parse(data);
    return m.type === "pong" ? m.id : undefined;
  },
};

// parse returns an object in any case: what a server sends is not to be trusted
// to be what it should be.
function parse(data) {
  try {
    return JSON.parse(data) ?? {};
  } catch {
    return {};
  }
}
