import type { Expression } from './ast.ts'
import type { Evaluator } from './evaluate.ts'
import { TEXT_FUNCTIONS } from './fold-text.ts'
import {
  type Const,
  constant,
  COUNTED,
  dictOf,
  elementOf,
  GIVEN,
  inside,
  join,
  joinAll,
  listOf,
  NOTHING,
  OUTSIDE,
  sequenceOf,
  text,
  TRUTH,
  type Value,
} from './values.ts'

type Call = Extract<Expression, { kind: 'call' }>

const TRUTHS = new Set(
  'startswith endswith isdigit isalpha isalnum isnumeric isdecimal isspace isupper islower istitle isascii isidentifier'.split(
    ' ',
  ),
)
const NUMBERS = new Set(['find', 'rfind', 'index', 'rindex', 'count'])
const SPLITS = new Set(['split', 'rsplit', 'splitlines', 'partition', 'rpartition'])
/** Methods that put their argument into the list or dict they are called on. */
const ADDERS = new Set(['append', 'insert', 'extend', 'add', 'update', 'setdefault'])
/** Methods that take away from a text or change its case, and add nothing. */
const PARING = new Set(
  'strip lstrip rstrip lower upper title capitalize casefold swapcase removeprefix removesuffix'.split(' '),
)
const TEXT_METHODS = new Set(
  'strip lstrip rstrip replace lower upper title capitalize casefold swapcase join removeprefix removesuffix zfill ljust rjust center format expandtabs'.split(
    ' ',
  ),
)

export function evaluateCall(evaluator: Evaluator, { callee, args }: Call): Value {
  if (callee.kind === 'member') {
    // The member itself is looked at too: it may be a field with a function's name.
    evaluator.value(callee)
    return callMethod(evaluator, callee, args)
  }
  const target = evaluator.value(callee)
  const all = evaluator.arguments(args)
  const results = target.functions.map((name) => callFunction(evaluator, name, args, all))
  if (target.outside || results.length === 0)
    results.push({ ...OUTSIDE, person: all.some(({ person }) => person) })
  return joinAll(results)
}

function callFunction(evaluator: Evaluator, name: string, args: Call['args'], all: readonly Value[]): Value {
  if (name.startsWith('macro ')) return evaluator.callMacro(name.slice('macro '.length), args, all)
  switch (name) {
    case 'range':
      return rangeOf(all)
    case 'namespace':
      return {
        ...NOTHING,
        shape: 'namespace',
        outside: all.some(({ outside }) => outside) && args.named.length === 0,
      }
    case 'dict':
      return dictOf(
        new Map(args.named.map(({ name: key, value }) => [key, evaluator.known(value)])),
        args.spread.length > 0 || args.positional.length > 0 ? OUTSIDE : null,
      )
    case 'strftime_now':
      return { ...text(all), clock: true }
    case 'raise_exception':
      return NOTHING
    default:
      return text(all)
  }
}

/** The items of a range are as large as its bounds. */
function rangeOf(bounds: readonly Value[]): Value {
  const numbers = bounds.flatMap(({ consts }) => consts.filter((each) => typeof each === 'number'))
  const given = bounds.some(
    ({ number, outside, computed }) => number === 'given' || outside || computed !== null,
  )
  const counted = bounds.some(({ number }) => number === 'counted')
  const each = given
    ? GIVEN
    : counted || Math.max(0, ...numbers) > 16
      ? COUNTED
      : joinAll([0, ...numbers].map(constant))
  const most = Math.max(0, ...numbers)
  return {
    ...sequenceOf(each),
    person: bounds.some(({ person }) => person),
    size: most * 4,
  }
}

function knownArguments(all: readonly Value[]): Const[] | null {
  const known = all.map(({ consts, outside, computed, items, each, number }) =>
    consts.length === 1 && !outside && computed === null && items === null && each === null && number === 'no'
      ? consts[0]
      : undefined,
  )
  return known.every((each) => each !== undefined) ? known : null
}

/** Applies a text function to every known text of a value; null where one is not known. */
export function foldText(name: string, of: Value, all: readonly Value[]): Value | null {
  const fold = Object.hasOwn(TEXT_FUNCTIONS, name) ? TEXT_FUNCTIONS[name] : undefined
  const args = knownArguments(all)
  if (fold === undefined || args === null) return null
  const made: Value[] = []
  for (const each of of.consts) {
    if (typeof each !== 'string') continue
    const result = fold(each, args)
    if (result === null) return null
    made.push(Array.isArray(result) ? listOf(result.map(constant)) : constant(result))
  }
  return made.length === 0 ? null : joinAll(made)
}

function callMethod(
  evaluator: Evaluator,
  { object, name }: Extract<Expression, { kind: 'member' }>,
  args: Call['args'],
): Value {
  const of = evaluator.known(object)
  const all = evaluator.arguments(args)
  const person = of.person || all.some((each) => each.person)
  if (TRUTHS.has(name)) return TRUTH
  if (NUMBERS.has(name)) return { ...COUNTED, person }
  if (ADDERS.has(name) && object.kind === 'name' && evaluator.assigned.has(object.name))
    evaluator.assign(
      object.name,
      sequenceOf(joinAll([...all, ...all.map((each) => inside(each) ?? NOTHING)])),
    )
  if (name === 'join') return joined(of, all[0] ?? NOTHING)
  const folded = foldText(name, of, all)
  const rest = methodOf(evaluator, name, of, all)
  const known = of.outside || of.computed !== null || of.each !== null
  return {
    ...(folded === null ? rest : known ? join(folded, rest) : folded),
    person: folded === null ? rest.person : person,
  }
}

function methodOf(evaluator: Evaluator, name: string, of: Value, all: readonly Value[]): Value {
  const pieces: Value = {
    ...of,
    consts: [],
    computed: of.computed === null && of.consts.length === 0 ? null : { start: false, end: false },
    items: null,
    entries: null,
    each: null,
  }
  if (SPLITS.has(name)) return sequenceOf(pieces, of)
  if (PARING.has(name)) return pieces
  if (TEXT_METHODS.has(name)) return text([of, ...all])
  switch (name) {
    case 'get':
    case 'pop':
    case 'setdefault': {
      const key = all[0]
      const names = (key?.consts ?? []).filter((each): each is string => typeof each === 'string')
      const found = names.map((each) => evaluator.member(of, each))
      if (key === undefined || names.length === 0)
        found.push(elementOf({ ...of, entries: null }), inside(of) ?? NOTHING)
      return joinAll([...found, ...all.slice(1)])
    }
    case 'items': {
      const keys = [...(of.entries?.keys() ?? [])].map(constant)
      const value = join(
        inside(of) ?? NOTHING,
        of.outside
          ? { ...OUTSIDE, person: of.person || of.conversation, conversation: of.conversation }
          : NOTHING,
      )
      return sequenceOf(
        listOf([joinAll(of.outside || keys.length === 0 ? [...keys, OUTSIDE] : keys), value]),
        of,
      )
    }
    case 'keys':
      return sequenceOf(elementOf({ ...of, each: null, items: null }), of)
    case 'values':
      return sequenceOf(join(inside(of) ?? NOTHING, of.outside ? elementOf(of) : NOTHING), of)
    case 'copy':
      return of
    case 'cycle':
      return joinAll(all)
    default:
      return of.outside ? { ...OUTSIDE, person: of.person } : NOTHING
  }
}

/** `separator.join(parts)` and `parts|join(separator)`. */
export function joined(separator: Value, parts: Value): Value {
  const between =
    separator.consts.length === 1
      ? separator.consts[0]
      : separator.consts.length === 0 && separator.size === 0
        ? ''
        : undefined
  const items = parts.items ?? (parts.entries === null ? null : [...parts.entries.keys()].map(constant))
  const texts = items?.map((item) => knownArguments([item])?.[0])
  if (typeof between === 'string' && texts !== undefined && texts.every((each) => each !== undefined))
    return { ...constant(texts.map(String).join(between)), person: parts.person }
  const chars =
    parts.consts.length === 1 && typeof parts.consts[0] === 'string' && !parts.outside
      ? parts.consts[0]
      : null
  if (chars !== null && typeof between === 'string' && chars.length <= 256)
    return constant(Array.from(chars).join(between))
  const element = inside(parts) ?? elementOf(parts)
  return {
    ...text([parts, separator, element]),
    person: parts.person || element.person || parts.conversation,
  }
}
