import { percentFormatted, sliced } from './fold-text.ts'
import {
  type Const,
  constant,
  COUNTED,
  elementOf,
  endsOfValue,
  GIVEN,
  inside,
  join,
  joinAll,
  listOf,
  MAX_CONST_LENGTH,
  NOTHING,
  sequenceOf,
  text,
  TRUTH,
  type Value,
} from './values.ts'

const MAX_PAIRS = 64
const COMPARISONS = new Set(['==', '!=', '<', '>', '<=', '>=', 'in', 'not in'])

function isNumeric(value: Value): boolean {
  return value.number !== 'no' || value.consts.some((each) => typeof each === 'number')
}

/** Whether it may be anything but a number or a truth. */
function mayBeText(value: Value): boolean {
  return value.computed !== null || value.consts.some((each) => typeof each === 'string')
}

/** Calls `make` on every pair of known possibilities; null where there are too many. */
function paired(
  left: readonly Const[],
  right: readonly Const[],
  make: (a: Const, b: Const) => Value | null,
): Value[] | null {
  if (left.length * right.length > MAX_PAIRS) return null
  const made: Value[] = []
  for (const a of left)
    for (const b of right) {
      const value = make(a, b)
      if (value === null) return null
      made.push(value)
    }
  return made
}

function isUnknown({ outside, computed, number, each, items, functions }: Value): boolean {
  return (
    outside || computed !== null || number !== 'no' || each !== null || items !== null || functions.length > 0
  )
}

/** What a number, or arithmetic on one, comes to. */
export function numberOf(value: Value, change: (n: number) => number): Value {
  const known = value.consts.flatMap((each) => (typeof each === 'number' ? [constant(change(each))] : []))
  const unknown =
    value.number !== 'no'
      ? { ...COUNTED, number: value.number }
      : value.outside || value.computed !== null
        ? GIVEN
        : NOTHING
  return { ...join(joinAll(known), unknown), person: value.person, clock: value.clock }
}

export function binaryOf(operator: string, left: Value, right: Value): Value {
  if (COMPARISONS.has(operator)) return TRUTH
  if (operator === 'and' || operator === 'or') return join(left, right)
  if (operator === '~') return concatenated(left, right)
  if (operator === '+') return added(left, right)
  if (operator === '*') return multiplied(left, right)
  if (operator === '%' && (mayBeText(left) || (left.outside && !isNumeric(left)))) return percent(left, right)
  return arithmetic(operator, left, right)
}

function concatenated(left: Value, right: Value): Value {
  const known = paired(left.consts, right.consts, (a, b) => {
    const made = shown(a) + shown(b)
    return made.length > MAX_CONST_LENGTH ? null : constant(made)
  })
  const size = left.size + right.size
  const rest = {
    ...text([left, right], { start: endsOfValue(left).start, end: endsOfValue(right).end }),
    size,
  }
  if (known === null || known.length === 0) return rest
  const all = { ...joinAll(known), person: rest.person, clock: rest.clock, size }
  return isUnknown(left) || isUnknown(right) ? join(all, rest) : all
}

/** As Python and Jinja print it. */
function shown(value: Const): string {
  if (value === true) return 'True'
  if (value === false) return 'False'
  return value === null ? 'None' : String(value)
}

function added(left: Value, right: Value): Value {
  const [a, b] = [isNumeric(left), isNumeric(right)]
  // A number plus what is not known can be a number alone: Python adds no text to it.
  if ((a && !mayBeText(left)) || (b && !mayBeText(right))) return arithmetic('+', left, right)
  const lists = [left, right].filter(({ items, each }) => items !== null || each !== null)
  if (lists.length > 0) {
    if (left.items !== null && right.items !== null) return listOf([...left.items, ...right.items])
    const each = [left, right].map((side) => inside(side) ?? (side.outside ? elementOf(side) : NOTHING))
    return { ...sequenceOf(joinAll(each), join(left, right)), size: left.size + right.size }
  }
  return concatenated(left, right)
}

function isRepeatable(value: Value): boolean {
  return mayBeText(value) || value.items !== null || value.each !== null
}

function multiplied(left: Value, right: Value): Value {
  const [of, times] = isRepeatable(left) ? [left, right] : [right, left]
  if (!isRepeatable(of)) return arithmetic('*', left, right)
  const counts = times.consts.filter((each): each is number => typeof each === 'number')
  const most = Math.max(1, ...counts)
  const size = Math.min(1e15, of.size * most)
  const known =
    isUnknown(of) || isUnknown(times) || size > MAX_CONST_LENGTH
      ? null
      : paired(of.consts, counts, (each, n) =>
          constant(shown(each).repeat(Math.max(0, Math.trunc(Number(n))))),
        )
  if (known !== null && known.length > 0) return { ...joinAll(known), person: of.person }
  const made =
    of.items !== null || of.each !== null
      ? sequenceOf(inside(of) ?? NOTHING, of)
      : text([of], endsOfValue(of))
  return { ...made, person: of.person || times.person, size }
}

function percent(left: Value, right: Value): Value {
  const args = right.items?.map(({ consts }) => consts) ?? [right.consts]
  const known = args.map((consts) => (consts.length === 1 ? consts[0] : undefined))
  if (!isUnknown(left) && known.every((each) => each !== undefined)) {
    const made = left.consts.map((each) => (typeof each === 'string' ? percentFormatted(each, known) : null))
    if (made.every((each) => each !== null)) return joinAll(made.map(constant))
  }
  return text([left, right])
}

function compute(operator: string, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / b
    case '//':
      return Math.floor(a / b)
    case '%':
      return a - b * Math.floor(a / b)
    default:
      return a ** b
  }
}

function numbersOf(value: Value): number[] {
  return value.consts.filter((each) => typeof each === 'number')
}

function arithmetic(operator: string, left: Value, right: Value): Value {
  const person = left.person || right.person
  const known = paired(numbersOf(left), numbersOf(right), (a, b) => {
    const made = compute(operator, a as number, b as number)
    return constant(Number.isNaN(made) ? 0 : made)
  })
  let made: Value = known === null ? COUNTED : joinAll(known)
  for (const side of [left, right])
    if (side.number === 'given' || side.outside || side.computed !== null) made = join(made, GIVEN)
    else if (side.number === 'counted') made = join(made, COUNTED)
  return { ...made, person, clock: left.clock || right.clock }
}

interface Bounds {
  start: Value | null
  stop: Value | null
  step: Value | null
}

function single(value: Value | null): number | null | undefined {
  if (value === null) return null
  const [only] = value.consts
  return value.consts.length === 1 && !isUnknown(value) && typeof only === 'number' ? only : undefined
}

export function sliceOf(of: Value, bounds: Bounds): Value {
  const [start, stop, step] = [single(bounds.start), single(bounds.stop), single(bounds.step)]
  if (start === undefined || stop === undefined || step === undefined) {
    const isText = of.consts.length > 0 || of.computed !== null
    const rest: Value = {
      ...of,
      consts: [],
      computed: isText ? { start: false, end: false } : null,
      entries: null,
    }
    return of.items === null ? rest : { ...rest, items: null, each: inside(of) }
  }
  const known = of.consts.flatMap((each) =>
    typeof each === 'string' ? [constant(sliced(Array.from(each), start, stop, step ?? 1).join(''))] : [],
  )
  return {
    ...join({ ...of, consts: [], items: null, entries: null }, joinAll(known)),
    computed: of.computed === null ? null : { start: false, end: false },
    items: of.items === null ? null : sliced(of.items, start, stop, step ?? 1),
  }
}
