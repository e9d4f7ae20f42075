(() => {
  const live = document.getElementById("live");
  const events = new EventSource(live.dataset.events);
  events.onmessage = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) {
      events.close();
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (fresh && !live.contains(document.activeElement)) live.replaceChildren(...fresh.childNodes);
  };
})();
