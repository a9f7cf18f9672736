import { arrayItem, type GgufHeader, type MetaArray, type MetaValue } from '../../../gguf/index.ts'
import type { HeaderTables, MetadataRow, TemplateText } from './report.ts'

/** Items of an array that are shown; the rest is a count. */
const MAX_ITEMS = 12
const MAX_TEXT = 4_000
const MAX_ITEM_TEXT = 200
const MAX_TEMPLATES = 16
const MAX_TEMPLATE_TEXT = 200_000
/** Lays a header out for reading. */
export function headerTables({ metadata }: Pick<GgufHeader, 'metadata'>): HeaderTables {
  return { metadata: [...metadata].map(rowOf), templates: templatesOf(metadata) }
}

function rowOf([key, value]: [string, MetaValue]): MetadataRow {
  if (value.type === 'array') return { key, type: `${value.of}[${value.length}]`, ...arrayText(value) }
  if (value.type !== 'string') return { key, type: value.type, text: String(value.value), cut: null }
  const text = value.value.slice(0, MAX_TEXT)
  const left = value.value.length - text.length
  return { key, type: 'string', text, cut: left === 0 ? null : { left, unit: 'characters' } }
}

function arrayText(array: MetaArray): Pick<MetadataRow, 'text' | 'cut'> {
  const shown = Math.min(array.length, MAX_ITEMS)
  const items = Array.from({ length: shown }, (_, index) => {
    const item = arrayItem(array, index)
    return typeof item === 'string' ? `"${item.slice(0, MAX_ITEM_TEXT)}"` : String(item)
  })
  const left = array.length - shown
  return { text: items.join(', '), cut: left === 0 ? null : { left, unit: 'items' } }
}

function templatesOf(metadata: ReadonlyMap<string, MetaValue>): TemplateText[] {
  const found: TemplateText[] = []
  for (const [key, value] of metadata) {
    if (value.type !== 'string' || !/^tokenizer\.chat_template(?:\.|$)/.test(key)) continue
    const text = value.value.slice(0, MAX_TEMPLATE_TEXT)
    found.push({ key, text, cut: value.value.length - text.length })
    if (found.length === MAX_TEMPLATES) break
  }
  return found
}
