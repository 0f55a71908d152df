// A WebSocket that comes back: it connects, watches the connection with a
// heartbeat, and connects again when it is lost. It knows nothing of the page;
// what happens it tells a listener.
//
//	closed ── connect ──> connecting ──> open ── close ──> closing ──> closed
//	                          ^            │
//	                          │            │ lost
//	                          └─ waiting <─┘
//
// A failure to connect leads from connecting to waiting, too.

import { isPassing, longest, silentCode } from "./backoff.js";
import { Heartbeat } from "./heartbeat.js";

export class Connection {
  // settings: heartbeat, patience and handshake in milliseconds, and random, a
  // function like Math.random.
  // listener has a function for each thing that it is told: connecting, opened,
  // received, failed, silent, closed, waiting, stopped, roundTrip, and changed
  // whenever state is another one. When that is open, attempt is still the one that
  // has led to it.
  constructor(settings, listener) {
    this.settings = settings;
    this.listener = listener;
    this.state = "closed"; // or connecting, open, closing, waiting
    this.reconnects = true; // whether it connects again after a loss
    this.attempt = 0; // to connect again, since the connection was last open; 0 for the user's own
    this.due = 0; // when the wait is over, on the clock of performance.now
    this.socket = null;
    this.target = null; // what to connect to
    this.wanted = false; // the user has not ended it
    this.timer = 0; // that of the state: each has at most one
    this.heartbeat = new Heartbeat(settings, {
      send: (text) => this.send(text),
      backlog: () => this.socket.bufferedAmount, // bytes that wait in the browser
      roundTrip: (milliseconds) => listener.roundTrip(milliseconds),
      silent: () => this.giveUp(),
    });
  }

  // connect begins. It throws when a subprotocol is no token, or when there are
  // two of the same name. kind is that of the heartbeat, or null for none.
  connect(url, subprotocols, kind) {
    this.target = { url, subprotocols, kind };
    this.attempt = 0;
    this.dial();
    this.wanted = true;
  }

  dial() {
    const socket = new WebSocket(this.target.url, this.target.subprotocols);
    socket.binaryType = "arraybuffer"; // the default is "blob"
    this.socket = socket;
    this.listener.connecting(this.target, this.attempt);
    this.enter("connecting");

    // Browsers wait minutes for the answer to a handshake. Closing now fails the
    // connection, and onclose follows with 1006.
    this.timer = setTimeout(() => socket.close(), this.settings.handshake);

    socket.onopen = () => {
      this.enter("open");
      this.attempt = 0; // the next loss begins with short waits again
      this.listener.opened(socket);
      this.heartbeat.start(this.target.kind);
    };

    socket.onmessage = (event) => {
      if (!this.heartbeat.heard(event.data)) {
        this.listener.received(event.data);
      }
    };

    // The event says nothing about the error: a page must not learn about hosts
    // that refuse it. onclose follows.
    socket.onerror = () => this.listener.failed();

    socket.onclose = (event) => this.end(event);
  }

  // send returns false when the connection is not open any more: the browser
  // would drop the message without a word once the server's Close has come.
  send(data) {
    if (this.socket.readyState !== WebSocket.OPEN) {
      return false;
    }
    this.socket.send(data);
    return true;
  }

  // close begins the closing handshake (RFC 6455 §7.1.2) for the user, who does
  // not want the connection any more. Without arguments the Close frame has no
  // code. It throws when the code is not 1000 or 3000 to 4999, or the reason is
  // longer than 123 bytes, which is what a control frame has place for.
  close(...codeAndReason) {
    this.socket.close(...codeAndReason);
    this.wanted = false;
    this.heartbeat.stop();
    this.enter("closing");
    this.timer = setTimeout(() => this.abandon(1006, ""), this.settings.patience);
  }

  // giveUp ends a connection whose server does not answer the heartbeat.
  giveUp() {
    this.listener.silent();
    this.socket.close(silentCode, "heartbeat timed out");
    this.abandon(silentCode, "heartbeat timed out");
  }

  // abandon does not wait for the end of the closing handshake. The browser does,
  // for up to a minute, and a server that is silent won't take part in it.
  abandon(code, reason) {
    const socket = this.socket;
    socket.onopen = socket.onmessage = socket.onerror = socket.onclose = null;
    this.end({ code, reason, wasClean: false });
  }

  // end decides what comes after a connection, or after a failure to have one.
  end(event) {
    this.heartbeat.stop();
    this.listener.closed(event);
    if (this.wanted && this.reconnects && isPassing(event.code)) {
      this.wait();
    } else {
      this.enter("closed");
    }
  }

  wait() {
    this.attempt++;
    const bound = longest(this.attempt);
    const delay = bound * this.settings.random();
    this.due = performance.now() + delay;
    this.listener.waiting(this.attempt, delay, bound);
    this.enter("waiting");
    this.timer = setTimeout(() => this.dial(), delay);
  }

  // --- what the user can do about it ---

  reconnectNow() {
    if (this.state === "waiting") {
      this.dial();
    }
  }

  // canStop tells whether there are attempts to be stopped.
  canStop() {
    return this.wanted && (this.state === "waiting" || (this.state === "connecting" && this.attempt > 0));
  }

  stop() {
    if (!this.canStop()) {
      return;
    }
    this.wanted = false;
    this.listener.stopped();
    if (this.state === "connecting") {
      this.socket.close(); // onclose follows
    } else {
      this.enter("closed");
    }
  }

  setReconnects(on) {
    this.reconnects = on;
    if (!on && this.state === "waiting") {
      this.stop();
    }
  }

  enter(state) {
    clearTimeout(this.timer);
    this.state = state;
    this.listener.changed();
  }
}
