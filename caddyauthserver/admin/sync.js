(() => {
  const live = document.getElementById("live");
  const key = (node) => node.dataset?.key;
  const alike = (a, b) => a.nodeName === b.nodeName && key(a) === key(b);
  // What is there becomes what is fresh and stays where it is, so that the focus, and
  // whoever reads, stays there too.
  const become = (old, fresh) => {
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    let next = old.firstChild;
    const leave = (until) => {
      while (next !== until) {
        const gone = next;
        next = next.nextSibling;
        gone.remove();
      }
    };
    for (const child of [...fresh.childNodes]) {
      if (key(child) !== undefined) {
        let same = next;
        while (same && !alike(same, child)) same = same.nextSibling;
        if (same) leave(same); // those before it are gone
      }
      if (next && alike(next, child)) {
        become(next, child);
        next = next.nextSibling;
      } else {
        old.insertBefore(child, next);
      }
    }
    leave(null);
  };
  let asked = 0;
  const events = new EventSource(live.dataset.events);
  events.onmessage = async () => {
    const mine = ++asked;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) {
      events.close();
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (!fresh || mine !== asked) return; // a later answer is on its way
    const focused = live.contains(document.activeElement);
    become(live, fresh);
    if (focused && !live.contains(document.activeElement)) document.getElementById("content").focus();
  };
})();
