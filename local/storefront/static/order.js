// Shows by itself how an order's payment goes on. The server knows; this page only asks again, ever more seldom.

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

const shown = () => /** @type {HTMLElement} */ (document.getElementById('order'))
const parser = new DOMParser()
let pause = FIRST_PAUSE_MS

async function lookAgain() {
  const response = await fetch(location.href)
  if (!response.ok) return
  const latest = parser.parseFromString(await response.text(), 'text/html')
  const order = latest.getElementById('order')
  if (!order || order.textContent === shown().textContent) return
  // The live region itself stays, so that what is new is read out.
  shown().replaceChildren(...order.childNodes)
  shown().dataset.settled = order.dataset.settled
  document.querySelector('details dl')?.replaceWith(latest.querySelector('details dl') ?? '')
  document.title = latest.title
  pause = FIRST_PAUSE_MS
}

async function follow() {
  while (shown().dataset.settled !== 'yes') {
    await new Promise((resolve) => setTimeout(resolve, pause))
    pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)
    if (document.visibilityState === 'visible') await lookAgain().catch(() => {}) // offline: the next try may do
  }
}

window.addEventListener('pageshow', (event) => { if (event.persisted) lookAgain().catch(() => {}) })
follow()
