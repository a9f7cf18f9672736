/** What an expression of a template may be, without running it: every possibility at once. */
export interface Value {
  /** Known texts, numbers and so on. */
  consts: readonly Const[]
  /** May be what the caller gives: messages, tools, settings, or part of them. */
  outside: boolean
  /** May be a text put together here that is not known whole; what is known of its ends. */
  computed: Ends | null
  /** May be a number: `counted` where the conversation's size bounds it, `given` where the caller names it. */
  number: 'no' | 'counted' | 'given'
  /** Functions it may be: globals by their name, macros with `macro ` before it. */
  functions: readonly string[]
  /** A list known item by item. */
  items: readonly Value[] | null
  /** A dict known by its keys. */
  entries: ReadonlyMap<string, Value> | null
  /** Any item of a list or value of a dict that is not known one by one. */
  each: Value | null
  /** Holds words that a person wrote. */
  person: boolean
  /** Is the conversation, or a message of it, which such words are taken from. */
  conversation: boolean
  /** Tells the time. */
  clock: boolean
  shape: 'loop' | 'namespace' | null
  /** Characters it may well have; of what comes from outside a guess. */
  size: number
  /** Lists and dicts within each other. */
  depth: number
}

export type Const = string | number | boolean | null

/** Whether a text surely does not begin, and does not end, with an underscore. */
export interface Ends {
  start: boolean
  end: boolean
}

const MAX_CONSTS = 16
/** Longer texts are known by their ends and size alone. */
export const MAX_CONST_LENGTH = 512
const MAX_ITEMS = 16
/** Deeper lists and dicts are taken as a whole. */
const MAX_DEPTH = 3
const GUESSED_SIZE = 1_000
const MAX_SIZE = 1e15

export const NOTHING: Value = {
  consts: [],
  outside: false,
  computed: null,
  number: 'no',
  functions: [],
  items: null,
  entries: null,
  each: null,
  person: false,
  conversation: false,
  clock: false,
  shape: null,
  size: 0,
  depth: 0,
}

export const OUTSIDE: Value = { ...NOTHING, outside: true, size: GUESSED_SIZE }
export const TRUTH: Value = { ...NOTHING, consts: [true, false], size: 5 }
export const COUNTED: Value = { ...NOTHING, number: 'counted', size: 4 }
export const GIVEN: Value = { ...NOTHING, number: 'given', size: 4 }

export function constant(value: Const): Value {
  if (typeof value === 'string' && value.length > MAX_CONST_LENGTH)
    return { ...NOTHING, computed: endsOf(value), size: value.length }
  return { ...NOTHING, consts: [value], size: String(value).length }
}

export function aFunction(name: string): Value {
  return { ...NOTHING, functions: [name] }
}

/** A text of which nothing is known but what it was made of. */
export function text(parts: readonly Value[], ends: Ends = { start: false, end: false }): Value {
  return {
    ...NOTHING,
    computed: ends,
    person: parts.some(({ person }) => person),
    clock: parts.some(({ clock }) => clock),
    size: Math.min(
      MAX_SIZE,
      parts.reduce((sum, { size }) => sum + size, 0),
    ),
  }
}

export function listOf(items: readonly Value[]): Value {
  if (items.length > MAX_ITEMS) return sequenceOf(joinAll(items), joinAll(items))
  return flat({
    ...NOTHING,
    items,
    person: items.some(({ person }) => person),
    conversation: items.some(({ conversation }) => conversation),
    size: items.reduce((sum, { size }) => sum + size + 2, 2),
    depth: 1 + Math.max(0, ...items.map(({ depth }) => depth)),
  })
}

export function sequenceOf(each: Value, like: Value = NOTHING): Value {
  return flat({
    ...NOTHING,
    each,
    person: like.person || each.person,
    conversation: like.conversation || each.conversation,
    size: Math.max(like.size, each.size),
    depth: 1 + each.depth,
  })
}

export function dictOf(entries: ReadonlyMap<string, Value>, others: Value | null): Value {
  const all = [...entries.values(), ...(others === null ? [] : [others])]
  const exact = others === null && entries.size <= MAX_ITEMS
  return flat({
    ...NOTHING,
    entries: exact ? entries : null,
    each: exact ? null : joinAll(all),
    person: all.some(({ person }) => person),
    conversation: all.some(({ conversation }) => conversation),
    size: all.reduce((sum, { size }) => sum + size + 4, 2),
    depth: 1 + Math.max(0, ...all.map(({ depth }) => depth)),
  })
}

/** Lists and dicts that are nested too deeply are taken for anything at all. */
function flat(value: Value): Value {
  if (value.depth <= MAX_DEPTH) return value
  const { person, conversation, size } = value
  const computed = holdsText(value) ? { start: false, end: false } : null
  const anything = { ...OUTSIDE, computed, person, conversation, size }
  return { ...anything, each: anything, depth: 1 }
}

/** Whether the template itself put a text into it. */
function holdsText({ consts, computed, items, entries, each }: Value): boolean {
  return (
    computed !== null ||
    consts.some((known) => typeof known === 'string' && known !== '') ||
    (items?.some(holdsText) ?? false) ||
    (entries !== null && [...entries.values()].some(holdsText)) ||
    (each !== null && holdsText(each))
  )
}

export function endsOf(value: string): Ends {
  return {
    start: value !== '' && !/^[\s_]/.test(value),
    end: value !== '' && !/[\s_]$/.test(value),
  }
}

/** What is known of the ends of whatever text this value may be. */
export function endsOfValue(value: Value): Ends {
  const all = value.consts.map((each) => endsOf(String(each)))
  if (value.computed !== null) all.push(value.computed)
  if (value.outside || value.each !== null || value.items !== null) all.push({ start: false, end: false })
  return { start: all.every(({ start }) => start), end: all.every(({ end }) => end) }
}

function merged<Item>(a: readonly Item[], b: readonly Item[]): readonly Item[] {
  if (b.every((item) => a.includes(item))) return a
  return a.length === 0 ? b : [...new Set([...a, ...b])]
}

/** Whatever the one or the other may be; `a` itself where `b` adds nothing to it. */
export function join(a: Value, b: Value): Value {
  if (a === b || b === NOTHING) return a
  if (a === NOTHING) return b
  let consts = merged(a.consts, b.consts)
  let computed = either(a.computed, b.computed)
  if (consts.length > MAX_CONSTS) {
    computed = either(computed, endsOfValue({ ...NOTHING, consts }))
    consts = []
  }
  const made: Value = {
    consts,
    outside: a.outside || b.outside,
    computed,
    number: a.number === 'given' || b.number === 'no' ? a.number : b.number,
    functions: merged(a.functions, b.functions),
    ...joinedParts(a, b),
    person: a.person || b.person,
    conversation: a.conversation || b.conversation,
    clock: a.clock || b.clock,
    shape: a.shape ?? b.shape,
    size: Math.max(a.size, b.size),
    depth: Math.max(a.depth, b.depth),
  }
  return isSame(a, made) ? a : made
}

/** All but `size`, which may grow for ever and decides nothing. */
const FIELDS = [
  'consts',
  'outside',
  'computed',
  'number',
  'functions',
  'items',
  'entries',
  'each',
  'person',
  'conversation',
  'clock',
  'shape',
] as const

function isSame(a: Value, b: Value): boolean {
  return FIELDS.every((field) => a[field] === b[field])
}

type Parts = Pick<Value, 'items' | 'entries' | 'each'>

function partsOf({ items, entries, each }: Value): Parts {
  return { items, entries, each }
}

function joinedParts(a: Value, b: Value): Parts {
  if (b.items === null && b.entries === null && b.each === null) return partsOf(a)
  if (a.items === null && a.entries === null && a.each === null) return partsOf(b)
  const plain = a.each === null && b.each === null
  if (plain && a.items !== null && b.items?.length === a.items.length && a.entries === b.entries) {
    const items = a.items.map((item, i) => join(item, b.items?.[i] ?? NOTHING))
    return {
      items: items.every((item, i) => item === a.items?.[i]) ? a.items : items,
      entries: a.entries,
      each: null,
    }
  }
  if (plain && a.entries !== null && b.entries !== null && a.items === b.items) {
    const keys = [...a.entries.keys()]
    if (b.entries.size === keys.length && keys.every((key) => b.entries?.has(key))) {
      const entries = new Map(
        keys.map((key) => [key, join(a.entries?.get(key) ?? NOTHING, b.entries?.get(key) ?? NOTHING)]),
      )
      const same = keys.every((key) => entries.get(key) === a.entries?.get(key))
      return { items: a.items, entries: same ? a.entries : entries, each: null }
    }
  }
  return { items: null, entries: null, each: joinMaybe(inside(a), inside(b)) }
}

function either(a: Ends | null, b: Ends | null): Ends | null {
  if (a === null || b === null) return a ?? b
  const [start, end] = [a.start && b.start, a.end && b.end]
  return a.start === start && a.end === end ? a : { start, end }
}

function joinMaybe(a: Value | null, b: Value | null): Value | null {
  return a === null ? b : b === null ? a : join(a, b)
}

/** Any of what a list or dict holds; null for what is neither. */
export function inside(value: Value): Value | null {
  let all: Value | null = value.each
  for (const item of value.items ?? []) all = joinMaybe(all, item)
  for (const item of value.entries?.values() ?? []) all = joinMaybe(all, item)
  return all
}

export function joinAll(values: readonly Value[]): Value {
  return values.reduce(join, NOTHING)
}

/** What a loop over this value, or an index into it, may give. */
export function elementOf(value: Value): Value {
  const { items, each, entries, consts, outside, computed, person, conversation } = value
  let element: Value = each ?? NOTHING
  for (const item of items ?? []) element = join(element, item)
  for (const key of entries?.keys() ?? []) element = join(element, constant(key))
  for (const known of consts)
    if (typeof known === 'string')
      for (const char of new Set(known.slice(0, 200))) element = join(element, constant(char))
  if (outside) element = join(element, { ...OUTSIDE, person, conversation })
  if (computed !== null) element = join(element, text([value]))
  return element
}
