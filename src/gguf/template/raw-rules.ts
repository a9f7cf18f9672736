import { printable } from '../text.ts'
import type { Findings } from './finding.ts'
import { ESCAPE_HATCHES, internalsIn } from './names.ts'

const LOADS = /\{%[-+]?\s{0,200}(import|include|from|extends)\b/
const HATCHES = new RegExp(`\\b(?:${[...ESCAPE_HATCHES].join('|')})\\s{0,20}[.([|]`)
/** Ways to spell an underscore. */
const SPELLED = /\\x5f|\\u005f|\\137|\\N\{LOW LINE\}/i
const ATTR = /\|\s{0,200}attr\b/

/** A template that loads others is refused by its tags alone, whether or not the rest can be read. */
export function checkLoads(source: string, findings: Findings): void {
  const tag = LOADS.exec(source)?.[1]
  if (tag !== undefined)
    findings.add('gguf_template_include', 'reject', `loads other templates: {% ${tag} %}`)
}

/** The signs of an escape that can be seen in a text which could not be parsed. */
export function checkUnparsed(source: string, findings: Findings): void {
  const reject = (says: string) => findings.add('gguf_template_code', 'reject', says)
  const name = internalsIn(source)
  if (name !== null) reject(`names Python's internals: ${printable(name, 40)}`)
  if (ATTR.test(source)) reject('reaches attributes through the filter attr')
  if (SPELLED.test(source)) reject('spells an underscore by an escape')
  const hatch = HATCHES.exec(source)?.[0]
  if (hatch !== undefined) reject(`uses a way out of Jinja's sandbox: ${printable(hatch, 40)}`)
}
