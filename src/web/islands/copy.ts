const SHOWN_MS = 2_000

/** Brings copy buttons to life; where the browser has no clipboard they stay hidden. */
function start(button: HTMLButtonElement): void {
  const text = button.dataset['copy'] ?? ''
  const label = button.firstChild
  button.hidden = false
  button.addEventListener('click', () => {
    navigator.clipboard.writeText(text).then(
      () => say('Copied'),
      () => say('Not copied'),
    )
  })

  let timer = 0
  function say(word: string): void {
    if (!(label instanceof Text)) return
    label.data = word
    button.setAttribute('aria-live', 'polite')
    clearTimeout(timer)
    timer = window.setTimeout(() => {
      label.data = 'Copy'
    }, SHOWN_MS)
  }
}

if (navigator.clipboard !== undefined)
  for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-copy]')) start(button)
