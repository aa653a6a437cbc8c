// What is under way is shown as it goes on: the same page, asked for again, takes the place of what it shows.
const EVERY_MS = 1500;

async function follow() {
  const live = document.getElementById("live");
  if (!live?.hasAttribute("data-active")) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (answer?.ok && !live.contains(document.activeElement)) {
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (fresh) live.replaceWith(document.adoptNode(fresh));
  }
  setTimeout(follow, EVERY_MS);
}
setTimeout(follow, EVERY_MS);
