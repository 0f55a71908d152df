// What checks do in a page, each by one Runtime.evaluate.
"use strict";

globalThis.robot = {
  seen: 0, // lines of the page's list of events

  fill(selector, text) {
    document.querySelector(selector).value = text;
  },

  press(selector) {
    const button = document.querySelector(selector);
    if (button.matches(":disabled")) {
      throw new Error(`${selector} is disabled`);
    }
    button.click();
  },

  shown(selector) {
    return document.querySelector(selector).textContent;
  },

  // next resolves to the next line of the events, once it is there.
  next() {
    return new Promise(function (resolve) {
      const list = document.getElementById("events");
      const observer = new MutationObserver(look);
      observer.observe(list, { childList: true });
      look();

      function look() {
        const line = list.children[robot.seen];
        if (line !== undefined) {
          robot.seen++;
          observer.disconnect();
          resolve(line.querySelector("strong").textContent + ": " + line.querySelector("span").textContent);
        }
      }
    });
  },

  // inject resolves to the directive of the page's policy that keeps an inline script from running.
  inject() {
    return new Promise(function (resolve, reject) {
      document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
      globalThis.injected = () => reject(new Error("the script has run"));
      const script = document.createElement("script");
      script.textContent = "injected()";
      document.body.append(script);
    });
  },

  // dial resolves to the events of a WebSocket that the page does not know of.
  dial(url) {
    return new Promise(function (resolve) {
      const events = [];
      const socket = new WebSocket(url);
      socket.onopen = () => events.push("open") && socket.close();
      socket.onerror = () => events.push("error");
      socket.onclose = (event) => resolve([...events, "close", event.code].join(" "));
    });
  },

  // exchange resolves to the extensions of a WebSocket on which each of the messages has come back as it was sent.
  exchange(url) {
    return new Promise(function (resolve, reject) {
      const sent = robot.messages();
      const socket = new WebSocket(url);
      let came = 0;
      socket.binaryType = "arraybuffer";
      socket.onopen = () => sent.forEach((data) => socket.send(data));
      socket.onmessage = function (event) {
        if (!robot.same(event.data, sent[came])) {
          reject(new Error(`message ${came} has come back as another one`));
        }
        came++;
        if (came === sent.length) {
          socket.close(1000);
        }
      };
      socket.onclose = function (event) {
        if (came === sent.length && event.code === 1000 && event.wasClean) {
          resolve(socket.extensions);
        } else {
          reject(new Error(`${came} messages have come back, and then code ${event.code} ${event.reason}`));
        }
      };
    });
  },

  // messages returns the same messages each time. compression.go knows their places.
  messages() {
    const letters = Array.from(robot.noise(200), (b) => String.fromCharCode(64 + b % 64)).join("");
    const digits = Array.from(robot.noise(4096), (b) => 48 + b % 10);
    const line = '{"temp": 21.5, "ort": "München 🌍"}\n';
    return [
      "x", "", letters, letters,
      new Uint8Array([...digits, ...digits]),
      line.repeat(26000), robot.noise(1 << 20), new Uint8Array(0), "the end",
    ];
  },

  // noise returns bytes that cannot be compressed.
  noise(n) {
    let state = 1;
    return Uint8Array.from({ length: n }, function () { // xorshift
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state;
    });
  },

  same(got, want) {
    if (typeof want === "string" || typeof got === "string") {
      return got === want;
    }
    const bytes = new Uint8Array(got);
    return bytes.length === want.length && bytes.every((b, i) => b === want[i]);
  },
};
