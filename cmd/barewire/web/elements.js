// Short names for what is done with elements of the page again and again.

export function byId(id) {
  return document.getElementById(id);
}

// part returns a new element. textContent never becomes markup.
export function part(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

export function onSubmit(id, action) {
  byId(id).addEventListener("submit", function (event) {
    event.preventDefault(); // nothing is sent by HTTP
    action();
  });
}
