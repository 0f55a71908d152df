// The page's beginning: its settings, and its tabs. Each tab has a connection of
// its own.
//
// Parameters in the page's address change the settings, for tests and for trying
// things out, as in /?heartbeat=2000&patience=1000:
//
//	heartbeat=15000    milliseconds between two heartbeats
//	patience=10000     milliseconds for an answer to a heartbeat or to a Close
//	handshake=10000    milliseconds for the answer to an opening handshake
//	random=0.5         makes all waits between attempts this part of the longest
//	                   one, from 0 to 1; without it they are random

import { startChat } from "./chat.js";
import { byId } from "./elements.js";
import { startMessages } from "./messages.js";

const parameters = new URLSearchParams(location.search);

// parameter returns a number that is not negative.
function parameter(name, standard) {
  const value = Number(parameters.get(name) ?? NaN);
  return value >= 0 ? value : standard;
}

const settings = {
  heartbeat: parameter("heartbeat", 15000),
  patience: parameter("patience", 10000),
  handshake: parameter("handshake", 10000),
  random: parameters.has("random") ? () => Math.min(1, parameter("random", 1)) : Math.random,
};

// The keyboard's pattern for tabs: one of them is reached with Tab, the others
// from there with the arrows.
const tabs = [byId("messages-tab"), byId("chat-tab")];

function select(tab) {
  for (const each of tabs) {
    each.setAttribute("aria-selected", String(each === tab));
    each.tabIndex = each === tab ? 0 : -1;
    byId(each.getAttribute("aria-controls")).hidden = each !== tab;
  }
}

function onKey(event) {
  const at = tabs.indexOf(event.currentTarget);
  const next = {
    ArrowRight: (at + 1) % tabs.length,
    ArrowLeft: (at + tabs.length - 1) % tabs.length,
    Home: 0,
    End: tabs.length - 1,
  }[event.key];
  if (next !== undefined) {
    event.preventDefault();
    select(tabs[next]);
    tabs[next].focus();
  }
}

for (const tab of tabs) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", onKey);
}

startMessages(settings);
startChat(settings);
