// The API as the pages use it: JSON in, JSON out, refusals as Problem. Who is signed in is kept here.
import { t } from './en.js';

export let session = null; // the document of /v1/session; null: nobody is signed in

/** A refusal (RFC 9457) or a lost connection. */
export class Problem extends Error {
  constructor(document, status) {
    super(document.detail ?? t.problem.unknown);
    Object.assign(this, { code: document.code, detail: document.detail, errors: document.errors, requestId: document.request_id, status });
  }
}

async function send(method, path, body, type, more = {}) {
  const headers = { ...more };
  if (type) headers['Content-Type'] = type;
  if (session && method !== 'GET') headers['X-CSRF-Token'] = session.csrf_token;
  try {
    return await fetch(path, { method, headers, body, credentials: 'same-origin', cache: 'no-store', redirect: 'error' });
  } catch {
    throw new Problem({ code: 'no_connection', detail: t.problem.codes.no_connection }, 0);
  }
}

async function fail(answer) {
  let document = {};
  try { document = await answer.json(); } catch { /* no document: the status says it */ }
  const problem = new Problem(document, answer.status);
  if (['not_signed_in', 'no_token'].includes(problem.code) && session) {
    session = null;
    problem.silent = true;
    window.dispatchEvent(new CustomEvent('signed-out', { detail: { ended: true } }));
  }
  throw problem;
}

async function call(method, path, body, type, more) {
  const answer = await send(method, path, body, type, more);
  if (!answer.ok) await fail(answer);
  if (answer.status === 204) return null;
  return (answer.headers.get('Content-Type') ?? '').startsWith('application/json') ? answer.json() : answer.text();
}

/** What changes something is sent with a key, so that sending it again after a lost answer is harmless. */
const key = () => ({ 'Idempotency-Key': crypto.randomUUID() });
const json = (method) => (path, body, more) =>
  call(method, path, body === undefined ? undefined : JSON.stringify(body), body === undefined ? undefined : 'application/json', { ...key(), ...more });

export const get = (path, query = {}) => call('GET', `${path}${queryText(query)}`);
export const post = json('POST');
/** Asks something that takes a body and changes nothing. */
export const ask = (path, body) => call('POST', path, JSON.stringify(body), 'application/json');
export const put = json('PUT');
export const patch = json('PATCH');
export const remove = json('DELETE');
export const upload = (path, text, type) => call('POST', path, text, type, key());

export function queryText(query) {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return pairs.length ? `?${new URLSearchParams(pairs)}` : '';
}

/** A loader for `pages`: asks for one page of a list after another. */
export const lister = (path, name, query = {}) => async (cursor) => {
  const page = await get(path, { limit: 50, ...query, cursor });
  return [page[name], page.next];
};

/** The same for a list that comes whole. */
export const listerOfAll = (path, name) => async () => [(await get(path))[name], null];

// --- A portal that is away for a while ---

export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Whether the same may be asked again later: nobody could be asked, or the answer was that. */
export const isPassing = (problem) => problem instanceof Problem && [0, 429, 502, 503, 504].includes(problem.status);

/** Asks until there is an answer, later each time. `waits` is told for how many seconds, and null when there is one;
 *  once nobody looks any more (`isShown`) it ends with a silent problem. */
export async function patiently(ask, { isShown, waits }) {
  for (let seconds = 1; ; seconds = Math.min(2 * seconds, 30)) {
    try {
      const answer = await ask();
      waits(null);
      return answer;
    } catch (problem) {
      if (!isPassing(problem)) throw problem;
      waits(seconds);
      await pause(seconds * 1000);
      if (!isShown()) throw Object.assign(problem, { silent: true });
    }
  }
}

/** The whole of a list that is known to be short. */
export async function all(path, name) {
  const rows = [];
  let cursor = null;
  do {
    const page = await get(path, { limit: 200, cursor });
    rows.push(...page[name]);
    cursor = page.next;
  } while (cursor && rows.length < 2000);
  return rows;
}

// --- Who is signed in ---

export const may = (scope) => Boolean(session?.scopes.includes(scope));

export async function restore() {
  try {
    session = await call('GET', '/v1/session');
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    session = null;
  }
  return session;
}

export async function signIn(body) {
  session = await call('POST', '/v1/session', JSON.stringify(body), 'application/json');
}

export async function signOut() {
  await remove('/v1/session');
  session = null;
  window.dispatchEvent(new CustomEvent('signed-out', { detail: { ended: false } }));
}
