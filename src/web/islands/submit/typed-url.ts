import { lineBelow, whenTyped } from './typed.ts'
import { valuesOfHubUrl, type FormValues } from './fill.ts'

/** Reads the address of a source as it is pasted: fills what one of the Hub names, and says below the field whether it is pinned. */
export function readUrlAsTyped(input: HTMLInputElement, fill: (values: FormValues) => void): void {
  const said = lineBelow(input)
  whenTyped(input, (typed) => {
    const read = valuesOfHubUrl(typed)
    said.textContent = read?.said ?? ''
    if (read !== null) fill(read.values)
  })
}
