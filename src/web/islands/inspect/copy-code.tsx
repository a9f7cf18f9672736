import { useEffect, useState } from 'preact/hooks'

const SHOWN_MS = 2_000

/** A digest or link: whole for copying, cut for the eye. Where the browser has no clipboard there is no button. */
export function CopyCode({ text, what }: { text: string; what: string }) {
  const [said, say] = useState<string | null>(null)
  useEffect(() => {
    if (said === null) return undefined
    const timer = setTimeout(() => say(null), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [said])
  return (
    <span class="code">
      <code class="code-text" title={text}>
        {text}
      </code>
      {typeof navigator === 'undefined' ||
      (navigator.clipboard as Clipboard | undefined) === undefined ? null : (
        <button
          type="button"
          class="copy"
          aria-live="polite"
          onClick={() => {
            navigator.clipboard.writeText(text).then(
              () => say('Copied'),
              () => say('Not copied'),
            )
          }}
        >
          {said ?? 'Copy'}
          <span class="sr"> {what}</span>
        </button>
      )}
    </span>
  )
}
