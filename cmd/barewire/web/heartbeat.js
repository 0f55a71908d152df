// The heartbeat of a connection: it asks the server for an answer now and then,
// and tells when there is none.
//
// WebSocket has Ping and Pong frames for this (RFC 6455 §5.5.2), but pages can
// neither send nor see them: browsers only answer the pings of servers. So the
// heartbeat is a message, which the server has to understand.

export class Heartbeat {
  // settings: heartbeat and patience in milliseconds.
  // line: what the heartbeat needs of the connection, the functions send(text),
  // backlog(), silent() and roundTrip(milliseconds).
  constructor(settings, line) {
    this.settings = settings;
    this.line = line;
    this.kind = null;
    this.timer = 0;
    this.asking = false; // nothing has come since the last heartbeat
    this.sent = new Map(); // from the ids of heartbeats to when they were sent
    this.count = 0;
  }

  // start begins with the first heartbeat. kind knows what it looks like:
  // compose(id) returns the message, and answered(data) the id that a message
  // from the server is the answer to, if any. There is no heartbeat if it is null.
  start(kind) {
    this.stop();
    this.kind = kind;
    this.sent.clear();
    if (kind !== null) {
      this.beat();
    }
  }

  stop() {
    clearTimeout(this.timer);
    this.kind = null;
    this.asking = false;
  }

  beat() {
    const id = `heartbeat ${++this.count} ${Math.random().toString(36).slice(2)}`;
    const before = this.line.backlog();
    this.sent.set(id, performance.now());
    this.line.send(this.kind.compose(id));
    this.asking = true;
    this.listen(before);
  }

  // listen waits for anything from the server, and says that it is silent if
  // nothing comes in time. There are two reasons to wait once more.
  //
  // The heartbeat may stand behind large messages, so many bytes, that are still
  // on their way out: as long as they become fewer, only the line is slow.
  //
  // And when the timer itself is late, the page has slept, with the machine or
  // behind other tabs: the answer may have come, and be delivered next.
  listen(before, mayBeLate = true) {
    const due = performance.now() + this.settings.patience;
    this.timer = setTimeout(() => {
      const now = this.line.backlog();
      const isLate = performance.now() > due + this.settings.patience;
      if (now < before || (isLate && mayBeLate)) {
        this.listen(now, false);
      } else {
        this.line.silent();
      }
    }, this.settings.patience);
  }

  // heard takes each message from the server, and returns whether it is the
  // answer to a heartbeat and nothing else. Any message is a sign of life.
  heard(data) {
    if (this.kind === null) {
      return false;
    }
    if (this.asking) {
      this.asking = false;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.beat(), this.settings.heartbeat);
    }
    const id = this.kind.answered(data);
    if (!this.sent.has(id)) {
      return false;
    }
    this.line.roundTrip(performance.now() - this.sent.get(id));
    this.sent.delete(id);
    return true;
  }
}
