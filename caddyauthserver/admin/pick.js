(() => {
  "use strict";
  // Has a list of choices come below a relation's field as one types: a combobox as the
  // ARIA Authoring Practices Guide has it. Without this the field takes a name or a
  // number all the same.
  const equip = (field) => {
    const list = document.createElement("ul");
    let timer = 0, asked = 0;
    list.id = field.id + "-choices";
    list.className = "choices";
    list.hidden = true;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", field.labels[0].textContent.trim());
    field.after(list);
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", list.id);
    field.setAttribute("aria-expanded", "false");

    const current = () => list.querySelector("[aria-selected=true]");
    const mark = (option) => {
      if (current()) current().setAttribute("aria-selected", "false");
      if (!option) {
        field.removeAttribute("aria-activedescendant");
        return;
      }
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      field.setAttribute("aria-activedescendant", option.id);
    };
    const show = (choices) => {
      mark(null);
      list.replaceChildren(...choices.map((text, i) => {
        const option = document.createElement("li");
        option.id = list.id + "-" + i;
        option.textContent = text;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        return option;
      }));
      list.hidden = choices.length === 0;
      field.setAttribute("aria-expanded", String(!list.hidden));
    };
    const close = () => {
      clearTimeout(timer);
      asked++; // an answer that is still to come is too late
      show([]);
    };
    const choose = (option) => {
      field.value = option.textContent;
      close();
    };
    const search = async () => {
      const mine = ++asked;
      try {
        const answer = await fetch(field.dataset.pick + "?q=" + encodeURIComponent(field.value), { headers: { Accept: "application/json" } });
        const choices = answer.ok ? await answer.json() : [];
        if (mine === asked) show(choices);
      } catch {
        if (mine === asked) show([]);
      }
    };

    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(search, 150);
    });
    field.addEventListener("blur", close);
    field.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      const at = current();
      switch (event.key) {
        case "ArrowDown":
          if (list.hidden) search();
          else mark(at && at.nextElementSibling || list.firstElementChild);
          break;
        case "ArrowUp":
          if (list.hidden) search();
          else mark(at && at.previousElementSibling || list.lastElementChild);
          break;
        case "Enter":
          if (!at) return; // sends the form
          choose(at);
          break;
        case "Escape":
          if (list.hidden) return;
          close();
          break;
        default:
          return;
      }
      event.preventDefault();
    });
    list.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays
    list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) choose(option);
    });
  };
  document.querySelectorAll("input[data-pick]").forEach(equip);
})();
