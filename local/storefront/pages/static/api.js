// Talks to the API as the signed-in customer. Here the local server hands out the token; a real shop would take it
// from its own sign-in (any OIDC provider).

let signedIn

export async function customer() {
  signedIn ??= fetch('/sign-in', { method: 'POST' }).then(read)
  return signedIn
}

export async function call(method, path, body) {
  const { token } = await customer()
  return read(await fetch(`/api${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) },
    body: body && JSON.stringify(body),
  }))
}

/** A refusal of the API: RFC 9457, with a code that a program can go by. */
export class Problem extends Error {
  constructor(status, { code = 'unknown', detail = 'The shop could not reach its service.' } = {}) {
    super(detail)
    this.status = status
    this.code = code
  }
}

async function read(response) {
  const answer = await response.json().catch(() => undefined)
  if (!response.ok) throw new Problem(response.status, answer)
  return answer
}

export function show(element, text) {
  element.textContent = text
  element.hidden = !text
}
