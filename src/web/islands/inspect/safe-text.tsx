import { Fragment } from 'preact'
import { printable } from '../../../gguf/index.ts'

const ESCAPED = /(\\u\{[0-9a-f]{1,6}\})/

interface SafeTextProps {
  text: string
  /** At most so many characters. */
  limit?: number
  /** Keeps line breaks; otherwise they are written out as any character that is not seen. */
  lines?: boolean
}

/**
 * Text of a stranger's file, safe to look at: it is never markup, it cannot turn
 * the direction of what stands beside it, and what would not be seen is written
 * out and marked.
 */
export function SafeText({ text, limit = 2_000, lines = false }: SafeTextProps) {
  const rows = lines ? text.slice(0, limit).split('\n') : [text]
  return (
    <bdi class="safe">
      {rows.map((row, index) => (
        <Fragment key={index}>
          {index === 0 ? null : <br />}
          <Marked text={printable(row, limit)} />
        </Fragment>
      ))}
    </bdi>
  )
}

function Marked({ text }: { text: string }) {
  const parts = text.split(ESCAPED)
  return (
    <>
      {parts.map((part, index) =>
        index % 2 === 0 ? (
          part
        ) : (
          <mark class="hazard" key={index}>
            {part}
          </mark>
        ),
      )}
    </>
  )
}
