// The pages do all they can without this file. With it the programs are shown as they are at the
// moment, a search filters while one types, actions leave the page where it is, and logs grow.
'use strict';

const find = (id) => document.getElementById(id);

// A page that nobody looks at asks for nothing: a browser has few connections to one server.
const inSight = () => document.visibilityState === 'visible';

function state(text, lost) {
  const live = find('live');
  live.hidden = false;
  live.textContent = text;
  live.classList.toggle('lost', lost);
}

if (find('programs')) programs();
if (find('log')) log();

function programs() {
  const search = find('search').elements.q;
  let skew = 0; // of the clock here against the server's, in seconds

  // what names the control that has the focus, where its row is replaced
  const mark = (e) => e.getAttribute('formaction') || e.getAttribute('href');

  function replace(old, fresh) {
    const active = document.activeElement;
    const had = old.contains(active) && active !== document.body ? mark(active) : null;
    old.replaceWith(fresh);
    if (had === null) return;
    const all = [...fresh.querySelectorAll('button, a')];
    (all.find((e) => mark(e) === had) || all.find((e) => e.matches('button')) || document.body).focus();
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const part of document.querySelectorAll('#programs tbody')) {
      let here = 0;
      for (const row of part.querySelectorAll('.program')) {
        const text = row.dataset.words.toLowerCase();
        row.hidden = !words.every((w) => text.includes(w));
        here += row.hidden ? 0 : 1;
      }
      part.hidden = here === 0;
      shown += here;
    }
    find('none').hidden = shown > 0;
  }

  function tick() {
    for (const e of document.querySelectorAll('.uptime')) {
      const s = Math.max(0, Math.floor(Date.now() / 1000 - skew) - Number(e.dataset.start));
      const two = (n) => String(n).padStart(2, '0');
      const days = Math.floor(s / 86400);
      const text = (days === 0 ? '' : days === 1 ? '1 day, ' : `${days} days, `) +
        `${Math.floor(s / 3600) % 24}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
      if (e.textContent !== text) e.textContent = text;
    }
  }

  // Loads the page, and takes what may be another by now: the programs, and the token of a server
  // that was started again.
  let loading = null;
  let again = false;
  async function load() {
    again = loading !== null;
    if (again) return loading;
    loading = (async () => {
      const answer = await fetch('./', {cache: 'no-store'});
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      find('actions').elements.token.value = fresh.getElementById('actions').elements.token.value;
      skew = Math.round(Date.now() / 1000 - Number(fresh.getElementById('programs').dataset.now));
      for (const id of ['programs', 'summary', 'none']) replace(find(id), document.adoptNode(fresh.getElementById(id)));
      filter();
    })();
    try {
      await loading;
    } finally {
      loading = null;
      if (again) load().catch(() => {});
    }
  }

  let source = null;
  let later = 0;
  function connect() {
    clearTimeout(later);
    if (source || !inSight()) return;
    source = new EventSource('events');
    source.onopen = () => load().then(() => state('live', false), () => {});
    source.addEventListener('all', () => load().catch(() => {}));
    source.onmessage = (event) => {
      const {id, html} = JSON.parse(event.data);
      const template = document.createElement('template');
      template.innerHTML = html;
      if (find(id)) replace(find(id), template.content.firstElementChild);
      filter();
      tick();
    };
    source.onerror = () => {
      state('no connection; trying again', true);
      if (source.readyState !== EventSource.CLOSED) return; // it tries by itself
      disconnect();
      later = setTimeout(connect, 5000);
    };
  }
  function disconnect() {
    if (source) source.close();
    source = null;
    clearTimeout(later);
  }

  function say(text, isError) {
    find('message').textContent = text;
    find('message').classList.toggle('error', isError);
  }

  const post = (address) => fetch(address, {
    method: 'POST', headers: {Accept: 'text/plain'}, body: new URLSearchParams(new FormData(find('actions'))),
  });

  find('actions').addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = event.submitter;
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');
    const address = button.formAction;
    try {
      let answer = await post(address);
      if (answer.status === 403) { // the server was started again: with the token of today
        await load();
        answer = await post(address);
      }
      const text = (await answer.text()).trim();
      say(text, !answer.ok);
    } catch {
      say('The server does not answer. Whether it was done is not known.', true);
    }
    button.removeAttribute('aria-disabled');
  });

  const here = new URL(location);
  here.searchParams.delete('message'); // so that it is not said again when the page is loaded again
  history.replaceState(null, '', here);

  search.addEventListener('input', filter);
  find('search').querySelector('button').hidden = true;
  find('search').addEventListener('submit', (event) => event.preventDefault());
  document.addEventListener('visibilitychange', () => (inSight() ? connect() : disconnect()));
  addEventListener('pagehide', disconnect);
  addEventListener('pageshow', connect);
  setInterval(tick, 1000);
  filter();
  connect();
}

function log() {
  const most = 1 << 20; // characters that are kept
  const view = find('log');
  const pause = find('pause');
  let paused = false;
  view.scrollTop = view.scrollHeight;
  if (!pause) return;
  pause.hidden = false;
  pause.addEventListener('click', () => {
    paused = !paused;
    pause.textContent = paused ? 'Go on' : 'Pause';
    state(paused ? 'paused' : 'live', false);
    if (!paused) more();
  });

  let busy = false;
  async function more() {
    if (busy || paused || !inSight()) return;
    busy = true;
    try {
      const answer = await fetch(`${view.dataset.more}&at=${view.dataset.at}`, {cache: 'no-store'});
      if (answer.ok) {
        const text = await answer.text();
        const note = answer.headers.get('Log-Note');
        if (!paused) { // otherwise it is asked for again
          if (!view.dataset.at) view.textContent = ''; // it had said that there is none
          view.dataset.at = answer.headers.get('Log-At');
          append((note ? `\n==> ${note} <==\n` : '') + text);
        }
      }
      if (!paused) state(answer.ok ? 'live' : 'no log yet', !answer.ok);
    } catch {
      state('no connection; trying again', true);
    }
    busy = false;
  }

  function append(text) {
    if (text === '') return;
    const atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 40;
    view.append(text);
    while (view.textContent.length > most && view.childNodes.length > 1) view.firstChild.remove();
    if (atEnd) view.scrollTop = view.scrollHeight;
  }

  setInterval(more, 1000);
  document.addEventListener('visibilitychange', more);
  more();
}
