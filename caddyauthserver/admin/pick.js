document.addEventListener("input", function (event) {
  var field = event.target, from = field.dataset && field.dataset.pick;
  if (!from) return;
  clearTimeout(field.pickTimer);
  field.pickTimer = setTimeout(function () {
    fetch(from + "?q=" + encodeURIComponent(field.value), { headers: { Accept: "application/json" } }).then(function (answer) {
      return answer.ok ? answer.json() : [];
    }).then(function (choices) {
      var list = document.getElementById(field.getAttribute("list"));
      list.replaceChildren.apply(list, choices.map(function (text) {
        var option = document.createElement("option");
        option.value = text;
        return option;
      }));
    }).catch(function () {});
  }, 150);
});
