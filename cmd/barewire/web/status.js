// The row that shows a connection's state, the wait for the next attempt and the
// heartbeat's round trip, and what the user can do about them.

import { byId } from "./elements.js";

const names = {
  closed: "closed",
  connecting: "connecting",
  open: "open",
  closing: "closing",
  waiting: "waiting to reconnect",
};

export class Status {
  // place is an empty element, which gets a copy of the page's template.
  constructor(place, connection) {
    const root = byId("status").content.cloneNode(true);
    this.connection = connection;
    this.ticking = 0;
    for (const part of ["state", "detail", "trip", "reconnects", "now", "stop"]) {
      this[part] = root.querySelector("." + part);
    }
    this.reconnects.checked = connection.reconnects;
    this.reconnects.addEventListener("change", () => connection.setReconnects(this.reconnects.checked));
    this.now.addEventListener("click", () => connection.reconnectNow());
    this.stop.addEventListener("click", () => connection.stop());
    this.show();
    place.append(root);
  }

  show() {
    const { state } = this.connection;
    this.state.textContent = names[state];
    this.state.dataset.state = state;
    this.now.disabled = state !== "waiting";
    this.stop.disabled = !this.connection.canStop();
    if (state !== "open") {
      this.trip.textContent = "";
    }
    clearInterval(this.ticking);
    if (state === "waiting") {
      this.ticking = setInterval(() => this.showDetail(), 200);
    }
    this.showDetail();
  }

  // The countdown is not part of the element with role="status", lest a screen
  // reader reads each second.
  showDetail() {
    const { state, attempt, due } = this.connection;
    if (state === "waiting") {
      const left = Math.max(0, Math.ceil((due - performance.now()) / 1000));
      this.detail.textContent = `attempt ${attempt} in ${left} s`;
    } else {
      this.detail.textContent = state === "connecting" && attempt > 0 ? `attempt ${attempt}` : "";
    }
  }

  showTrip(milliseconds) {
    this.trip.textContent = `heartbeat: ${milliseconds.toFixed(1)} ms`;
  }
}
