// When to connect again after a connection has ended, and how long to wait.
// Numbers only: no WebSocket, no clock, no page.

// The page's own code for a server that does not answer. 4000 to 4999 are free
// for applications (RFC 6455 §7.4.2); 4000 is the server's, see below.
export const silentCode = 4001;

// After these codes the same attempt may succeed a little later.
const passing = new Set([
  1001, // going away: the server is shutting down, and probably comes back
  1006, // lost without a Close
  1011, // the server had an error
  1012, // the server restarts
  1013, // the server is overloaded: "try again later"
  silentCode,
]);

// isPassing tells whether it makes sense to connect again after a code.
//
// With all others the server, or this page, has said what it had to say: 1000 is
// the normal end; after 1002, 1003, 1007, 1008, 1009 and 1010 the page would do
// the same wrong thing again; 1005 is an end in order, whose Close had no code;
// after 4000 another connection of the same session has this one's place in the
// chat, and two pages that both came back would throw each other out for ever;
// other codes from 3000 on mean something to an application that we don't know.
//
// A handshake that the server refuses, with 403 for example, is also a 1006: a
// page must not learn about hosts that refuse it, so the browser does not say
// more. So 1006 can be in vain, which the growing waits make harmless.
export function isPassing(code) {
  return passing.has(code);
}

const base = 1000; // milliseconds
const cap = 30000;

// longest returns how long the n-th wait in a row may be: 1 s, 2 s, 4 s, and so
// on up to 30 s.
//
// The wait itself is random, between nothing and this bound ("full jitter"). All
// pages lose a server that fails at the same moment; without chance they would
// also come back at the same moment, again and again (RFC 6455 §7.2.3).
export function longest(n) {
  return Math.min(cap, base * 2 ** (n - 1));
}
