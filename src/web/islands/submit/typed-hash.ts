import { element } from '../dom.ts'
import { lineBelow, whenTyped } from './typed.ts'
import { formatBytes, formatCount } from '../format.ts'
import { identify } from '../inspect/identify.ts'
import { readTyped, valuesOfMagnet, type FormValues } from './fill.ts'

/**
 * Reads an info hash or a magnet as it is pasted, says below the field what is in
 * it and whether it is listed, and fills what it names.
 */
export function readAsTyped(input: HTMLInputElement, fill: (values: FormValues) => void): void {
  const said = lineBelow(input)
  whenTyped(input, (typed) => {
    said.replaceChildren()
    const read = readTyped(typed)
    // What is not whole yet is no error; the check beside the field tells when it is left.
    if (read === null || 'error' in read) return
    const { magnet } = read
    fill(valuesOfMagnet(magnet))
    said.replaceChildren(
      [
        magnet.infoHash === null ? null : 'v1 info hash',
        magnet.infoHashV2 === null ? null : 'v2 info hash',
        magnet.size === null ? null : formatBytes(magnet.size),
        magnet.trackers.length === 0 ? null : `${formatCount(magnet.trackers.length)} trackers`,
        magnet.webSeeds.length === 0 ? null : `${formatCount(magnet.webSeeds.length)} web seeds`,
      ]
        .filter((part) => part !== null)
        .join(', '),
    )
    void tellWhereListed(magnet.infoHashV2 ?? magnet.infoHash ?? '', said, () => input.value.trim() === typed)
  })
}

/** Says below the field which listing has it, where one has; the server refuses a duplicate in any case. */
async function tellWhereListed(hash: string, said: HTMLElement, isCurrent: () => boolean): Promise<void> {
  const found = await identify(hash, { of: 'info-hash' }).catch(() => null)
  const [match] = found?.state === 'known' ? found.matches : []
  if (match === undefined || !isCurrent()) return
  const link = element('a', '', match.model)
  link.setAttribute('href', match.url)
  said.append(element('strong', 'tone-bad', ' Listed already: '), link)
}
