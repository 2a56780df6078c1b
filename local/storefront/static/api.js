// Talks to the API as the signed-in customer, whose token the shop's server has.

let signedIn

export async function customer() {
  signedIn ??= fetch('/token', { method: 'POST' }).then(read).then(({ token }) => {
    if (!token) throw new Problem(401, { code: 'signed_out', detail: 'Please sign in first.' })
    const payload = atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))
    return { token, customer_id: JSON.parse(payload).sub }
  })
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
