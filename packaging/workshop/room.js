// Follow: the page is written anew after each step. Off: it stays as it is. Clocks go on in between.
addEventListener("DOMContentLoaded", function () {
  var box = document.getElementById("follow");
  box.checked = location.hash !== "#stay";
  box.addEventListener("change", function () { location.hash = box.checked ? "" : "stay"; });
  setInterval(function () { if (box.checked) location.reload(); }, 3000);
  function tick() {
    document.querySelectorAll("[data-since]").forEach(function (e) {
      var s = Math.max(0, Math.floor(Date.now() / 1000 - Number(e.dataset.since)));
      e.textContent = Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0");
    });
  }
  setInterval(tick, 1000);
  tick();
});
