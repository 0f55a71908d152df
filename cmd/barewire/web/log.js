// Lists of what has happened. Everything goes through textContent, so nothing
// that a message contains can become part of the page.

import { part } from "./elements.js";
import { clock, handshakeResult, quote, seconds, withoutSession } from "./words.js";

const maxLines = 500; // that a log keeps

export class Log {
  // list is an element within the one that scrolls.
  constructor(list) {
    this.list = list;
    this.box = list.parentElement;
    this.following = true; // the end is shown, unless the user has scrolled up to read
    this.width = 0;
    this.height = 0;
    this.box.addEventListener("scroll", () => {
      if (this.width === this.box.clientWidth && this.height === this.box.clientHeight) {
        this.following = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 8;
      } // else the browser has scrolled, not the user
    });
    new ResizeObserver(() => {
      this.width = this.box.clientWidth;
      this.height = this.box.clientHeight;
      this.follow();
    }).observe(this.box);
  }

  // add returns the line that it adds. title is its first word, or who speaks.
  add(kind, title, text, date = new Date()) {
    const line = document.createElement("li");
    line.className = kind;
    line.append(part("time", clock(date)), part("strong", title), part("span", text));
    this.list.append(line);
    while (this.list.children.length > maxLines) {
      this.list.firstElementChild.remove();
    }
    this.follow();
    return line;
  }

  event(kind, text) {
    this.add("event " + kind, kind, text);
  }

  clear() {
    this.list.replaceChildren();
  }

  follow() {
    if (this.following) {
      this.box.scrollTop = this.box.scrollHeight;
    }
  }
}

// eventLines returns the functions of a connection's listener that are the same
// in all tabs: each writes a line.
export function eventLines(log, settings) {
  return {
    connecting(target, attempt) {
      const offer = target.subprotocols.length > 0 ? ", offering " + target.subprotocols.join(", ") : "";
      log.event("connecting", withoutSession(target.url) + offer + (attempt > 0 ? ", attempt " + attempt : ""));
    },

    opened(socket) {
      log.event("open", handshakeResult(socket));
    },

    failed() {
      log.event("error", "the connection failed");
    },

    silent() {
      log.event("silent", `nothing has come for ${seconds(settings.patience)} since the last heartbeat`);
    },

    // wasClean says whether both sides have sent a Close.
    closed(event) {
      const reason = event.reason === "" ? "no reason" : "reason " + quote(event.reason);
      log.event("close", `code ${event.code}, ${reason}, wasClean ${event.wasClean}`);
    },

    waiting(attempt, delay, bound) {
      log.event("waiting", `attempt ${attempt} in ${seconds(delay)}, chosen at random up to ${seconds(bound)}`);
    },

    stopped() {
      log.event("stopped", "no more attempts");
    },
  };
}
