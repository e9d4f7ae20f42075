(() => {
  "use strict";
  // Has the browser answer the challenge of the page's form, and posts the answer in
  // the form's field "passkey". Without this the form works in its other ways.
  const form = document.querySelector("form[data-passkey]");
  const button = document.getElementById("use-passkey");
  if (!form || !button || !window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join(""))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const options = JSON.parse(form.dataset.passkey);
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const c of [...(options.allowCredentials || []), ...(options.excludeCredentials || [])]) c.id = bytes(c.id);

  const post = (credential) => {
    const answer = credential.response, response = { clientDataJSON: text(answer.clientDataJSON) };
    if (answer.attestationObject) {
      response.attestationObject = text(answer.attestationObject);
      response.transports = answer.getTransports ? answer.getTransports() : [];
    } else {
      response.authenticatorData = text(answer.authenticatorData);
      response.signature = text(answer.signature);
      if (answer.userHandle) response.userHandle = text(answer.userHandle);
    }
    form.elements.passkey.value = JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, clientExtensionResults: {}, response,
    });
    HTMLFormElement.prototype.submit.call(form); // what else the form asks for is not needed
  };

  const problem = document.getElementById("passkey-problem");
  let waiting = null;
  const ask = async (how) => {
    if (waiting) waiting.abort();
    const mine = waiting = new AbortController();
    problem.hidden = true;
    const request = { publicKey: options, signal: mine.signal, ...how };
    try {
      post(await (options.user ? navigator.credentials.create(request) : navigator.credentials.get(request)));
    } catch {
      if (!mine.signal.aborted && !how.mediation) problem.hidden = false;
    }
  };

  button.hidden = false;
  button.addEventListener("click", () => ask({}));
  if (options.user) form.addEventListener("submit", (event) => { // Enter in the field of the name
    event.preventDefault();
    ask({});
  });
  if (form.hasAttribute("data-autofill") && PublicKeyCredential.isConditionalMediationAvailable) {
    PublicKeyCredential.isConditionalMediationAvailable().then((can) => {
      if (can && !waiting) ask({ mediation: "conditional" });
    });
  }
})();
