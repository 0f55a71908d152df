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
};
