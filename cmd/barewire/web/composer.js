// The fields for a new message: they can be used while the connection is open.
// They never touch what the user has typed.

export class Composer {
  // input is the one of the fields in which the message is written.
  constructor(fields, input) {
    this.fields = fields;
    this.input = input;
    this.wasWriting = false; // the user was in it when the connection was lost
  }

  // show is told of each change of the connection's state, before Status is: who is
  // on a button that Status disables now has gone elsewhere.
  //
  // Browsers take the focus out of fields that are disabled. When they can be
  // used again, the focus goes to the input if the user has asked for the
  // connection just now, and goes back to it if it was there before: but not when
  // the user has gone elsewhere meanwhile.
  show({ state, attempt }) {
    const usable = state === "open";
    if (usable === !this.fields.disabled) {
      return;
    }
    if (!usable) {
      this.wasWriting = document.activeElement === this.input;
    }
    this.fields.disabled = !usable;
    if (usable && (attempt === 0 || this.wasWriting) && isNowhere(document.activeElement)) {
      this.input.focus();
    }
  }
}

// isNowhere tells whether the user is in no element, or in one that cannot be used
// any more, such as the button that was pressed to connect. Some browsers take the
// focus away from it only later, or never.
function isNowhere(active) {
  return active === null || active === document.body || active.matches(":disabled");
}
