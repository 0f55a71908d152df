// What checks do in a page, each by one Runtime.evaluate.
"use strict";

globalThis.robot = {
  seen: {}, // numbers of lines of the page's lists

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

  disabled(selector) {
    return String(document.querySelector(selector).matches(":disabled"));
  },

  focus(selector) {
    document.querySelector(selector).focus();
    return robot.focused();
  },

  blur() {
    document.activeElement.blur();
  },

  focused() {
    return document.activeElement.id;
  },

  // focusLost resolves when the browser has taken the focus away, which it does when it draws the page.
  focusLost() {
    return new Promise(function (resolve) {
      function look() {
        if (document.activeElement === document.body) {
          resolve();
        } else {
          requestAnimationFrame(look);
        }
      }
      look();
    });
  },

  // writing returns the field that has the focus, and its text with a bar for the caret.
  writing() {
    const { id, value, selectionStart, selectionEnd } = document.activeElement;
    return `${id}: ${value?.slice(0, selectionStart)}|${value?.slice(selectionEnd)}`;
  },

  caret(selector, at) {
    document.querySelector(selector).setSelectionRange(at, at);
  },

  selected() {
    return robot.ids("[role=tab][aria-selected=true]");
  },

  panels() {
    return robot.ids("[role=tabpanel]:not([hidden])");
  },

  ids(selector) {
    return Array.from(document.querySelectorAll(selector), (element) => element.id).join(", ");
  },

  value(selector) {
    return document.querySelector(selector).value;
  },

  count(selector) {
    return String(document.querySelectorAll(selector).length);
  },

  shownAll(selector) {
    return Array.from(document.querySelectorAll(selector), (element) => element.textContent).join(", ");
  },

  // when resolves to what look returns, once that is not undefined. It looks at each change of the page.
  when(look) {
    return new Promise(function (resolve) {
      const observer = new MutationObserver(check);
      observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
      check();

      function check() {
        const found = look();
        if (found !== undefined) {
          observer.disconnect();
          resolve(found);
        }
      }
    });
  },

  line(item) {
    return item.querySelector("strong").textContent + ": " + item.querySelector("span").textContent;
  },

  // next resolves to the next line of a list, once it is there.
  next(list) {
    const at = robot.seen[list] ?? 0;
    robot.seen[list] = at + 1;
    return robot.when(function () {
      const item = document.getElementById(list).children[at];
      return item === undefined ? undefined : robot.line(item);
    });
  },

  // until resolves when some line of a list is what it should be, with its note in brackets.
  until(list, want) {
    const read = (item) => robot.line(item) + ` [${item.querySelector("small")?.textContent}]`;
    return robot.when(() => Array.from(document.getElementById(list).children, read).find((line) => line === want));
  },

  becomes(selector, pattern) {
    return robot.when(() => robot.shown(selector).match(pattern)?.[0]);
  },

  // pressWhile presses a button only if an element's text still has some beginning.
  pressWhile(selector, other, beginning) {
    if (robot.shown(other).startsWith(beginning)) {
      robot.press(selector);
    }
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
