// Fills "Details" once somebody opens it. Without this script, the link in it leads to the same page.

const details = /** @type {HTMLDetailsElement} */ (document.getElementById('record'))

async function fill() {
  const link = /** @type {HTMLAnchorElement} */ (details.querySelector('a'))
  const response = await fetch(link.href)
  const page = new DOMParser().parseFromString(await response.text(), 'text/html')
  const entries = page.getElementById('entries')
  if (entries) link.parentElement?.replaceWith(entries)
}

details.addEventListener('toggle', () => { fill().catch(() => {}) }, { once: true })
