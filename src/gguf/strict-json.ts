/** A JSON value; objects are maps, so that no key is special. */
export type JsonValue = null | boolean | number | string | JsonValue[] | Map<string, JsonValue>

const MAX_DEPTH = 8
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
// A run of plain characters of a string: no quote, backslash or control character.
// eslint-disable-next-line no-control-regex -- JSON forbids them in strings
const PLAIN = /[^"\\\u0000-\u001f]*/y

/**
 * Parses JSON (RFC 8259) and refuses what JSON.parse lets pass: a key that
 * occurs twice, of which two readers may take different ones. Throws SyntaxError
 * with the position; nesting is bounded.
 */
export function parseStrictJson(text: string): JsonValue {
  const reader = new JsonReader(text)
  reader.space()
  const value = reader.value(0)
  reader.space()
  if (reader.at < text.length) throw reader.wrong('nothing more')
  return value
}

class JsonReader {
  at = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  wrong(expected: string): SyntaxError {
    return new SyntaxError(`expected ${expected} at ${this.at}`)
  }

  space(): void {
    while (' \t\n\r'.includes(this.#text[this.at] ?? '!')) this.at += 1
  }

  value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw this.wrong(`at most ${MAX_DEPTH} levels`)
    const first = this.#text[this.at]
    if (first === '{') return this.#object(depth)
    if (first === '[') return this.#array(depth)
    if (first === '"') return this.#string()
    for (const [word, value] of WORDS)
      if (this.#text.startsWith(word, this.at)) {
        this.at += word.length
        return value
      }
    NUMBER.lastIndex = this.at
    const number = NUMBER.exec(this.#text)?.[0]
    if (number === undefined) throw this.wrong('a value')
    this.at += number.length
    return Number(number)
  }

  #take(character: string): boolean {
    if (this.#text[this.at] !== character) return false
    this.at += 1
    return true
  }

  #object(depth: number): Map<string, JsonValue> {
    const map = new Map<string, JsonValue>()
    this.at += 1
    this.space()
    if (this.#take('}')) return map
    for (;;) {
      this.space()
      const start = this.at
      if (this.#text[start] !== '"') throw this.wrong('a key')
      const key = this.#string()
      if (map.has(key)) {
        this.at = start
        throw this.wrong(`no second key ${JSON.stringify(key.slice(0, 80))}`)
      }
      this.space()
      if (!this.#take(':')) throw this.wrong('":"')
      this.space()
      map.set(key, this.value(depth + 1))
      this.space()
      if (this.#take('}')) return map
      if (!this.#take(',')) throw this.wrong('"," or "}"')
    }
  }

  #array(depth: number): JsonValue[] {
    const items: JsonValue[] = []
    this.at += 1
    this.space()
    if (this.#take(']')) return items
    for (;;) {
      this.space()
      items.push(this.value(depth + 1))
      this.space()
      if (this.#take(']')) return items
      if (!this.#take(',')) throw this.wrong('"," or "]"')
    }
  }

  #string(): string {
    const start = this.at
    this.at += 1
    for (;;) {
      PLAIN.lastIndex = this.at
      this.at += PLAIN.exec(this.#text)?.[0].length ?? 0
      const stop = this.#text[this.at]
      if (stop === '"') break
      if (stop !== '\\') throw this.wrong('the end of a string')
      this.at += 2
    }
    this.at += 1
    // The escapes are the standard reader's to check.
    return JSON.parse(this.#text.slice(start, this.at)) as string
  }
}

const WORDS: readonly (readonly [string, JsonValue])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]
