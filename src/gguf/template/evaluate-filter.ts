import type { Expression } from './ast.ts'
import type { Evaluator } from './evaluate.ts'
import { foldText, joined } from './evaluate-call.ts'
import { binaryOf } from './evaluate-operators.ts'
import {
  constant,
  COUNTED,
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
  type Value,
} from './values.ts'

type Filter = Extract<Expression, { kind: 'filter' }>

const NUMBERS = new Set(['int', 'float', 'round', 'abs', 'sum'])
const LENGTHS = new Set(['length', 'count', 'wordcount'])
const ELEMENTS = new Set(['first', 'last', 'min', 'max', 'random'])
const SEQUENCES = new Set([
  'list',
  'sort',
  'unique',
  'reverse',
  'select',
  'reject',
  'selectattr',
  'rejectattr',
])
const GROUPS = new Set(['batch', 'slice', 'groupby'])
/** Leave a text as it is but for case, white space and escapes. */
const KEEPING = new Set([
  'lower',
  'upper',
  'trim',
  'strip',
  'lstrip',
  'rstrip',
  'string',
  'capitalize',
  'title',
  'escape',
  'e',
  'safe',
  'forceescape',
  'striptags',
])

export function evaluateFilter(evaluator: Evaluator, { name, operand, args }: Filter): Value {
  const of = evaluator.value(operand)
  const all = evaluator.arguments(args)
  // The filter formats as % does, the method by braces.
  const folded = name === 'format' ? binaryOf('%', of, listOf(all)) : foldText(name, of, all)
  if (folded === null) return unfolded(evaluator, name, of, { args, all })
  const open = of.outside || of.computed !== null || of.each !== null || of.items !== null
  const both = open ? join(folded, unfolded(evaluator, name, { ...of, consts: [] }, { args, all })) : folded
  return { ...both, person: both.person || of.person }
}

interface Given {
  args: Filter['args']
  all: readonly Value[]
}

function unfolded(evaluator: Evaluator, name: string, of: Value, { args, all }: Given): Value {
  if (LENGTHS.has(name)) return COUNTED
  if (NUMBERS.has(name)) {
    const numbers = of.consts.filter((each) => typeof each === 'number')
    return {
      ...(of.outside || of.computed !== null ? GIVEN : COUNTED),
      consts: numbers,
      person: of.person,
      clock: of.clock,
    }
  }
  if (ELEMENTS.has(name)) return of.items === null || name === 'random' ? elementOf(of) : joinAll(of.items)
  if (SEQUENCES.has(name)) return sequence(name, of)
  if (GROUPS.has(name)) return sequenceOf(sequenceOf(elementOf(of), of), of)
  if (KEEPING.has(name)) return kept(name, of)
  switch (name) {
    case 'default':
    case 'd':
      return join(of, all[0] ?? NOTHING)
    case 'join':
      return joined(all[0] ?? constant(''), mapped(evaluator, of, args))
    case 'map':
      return mapped(evaluator, of, args)
    case 'items':
    case 'dictsort': {
      const value = join(
        inside(of) ?? NOTHING,
        of.outside ? { ...OUTSIDE, person: of.person, conversation: of.conversation } : NOTHING,
      )
      const keys = [...(of.entries?.keys() ?? [])].map(constant)
      return sequenceOf(
        listOf([joinAll(of.outside || keys.length === 0 ? [...keys, OUTSIDE] : keys), value]),
        of,
      )
    }
    // JSON begins with a bracket, a quotation mark, a digit or a word.
    case 'tojson':
      return { ...text([of, ...all], { start: true, end: true }), person: of.person || of.conversation }
    case 'fromjson':
    case 'from_json':
      return { ...OUTSIDE, person: of.person || of.conversation }
    default:
      return text([of, ...all])
  }
}

function sequence(name: string, of: Value): Value {
  if (name === 'list' || name === 'reverse')
    if (of.items !== null) return { ...of, items: name === 'list' ? of.items : of.items.toReversed() }
  if (name === 'list' && of.entries !== null) return listOf([...of.entries.keys()].map(constant))
  return sequenceOf(elementOf(of), of)
}

function kept(name: string, of: Value): Value {
  const structured = of.each !== null || of.items !== null || of.entries !== null || of.functions.length > 0
  const strips = name === 'trim' || name.endsWith('strip')
  if (structured || (name === 'string' && of.conversation))
    return { ...text([of]), person: of.person || of.conversation }
  if (of.computed !== null && strips) return { ...of, consts: [], computed: { start: false, end: false } }
  // A number or a truth as text.
  if (of.number !== 'no') return text([of], { start: true, end: true })
  return of.consts.length > 0 && !of.outside && of.computed === null
    ? joinAll(of.consts.map((each) => constant(typeof each === 'string' ? each : String(each))))
    : { ...of, consts: [] }
}

/** `map(attribute='name')`, `map('filter')`, and the attribute of `join`, `sort` and so on. */
function mapped(evaluator: Evaluator, of: Value, args: Filter['args']): Value {
  const attribute = args.named.find(({ name }) => name === 'attribute')
  if (attribute === undefined) return of.items === null ? sequenceOf(elementOf(of), of) : of
  let element = elementOf(of)
  for (const known of evaluator.known(attribute.value).consts)
    for (const part of String(known).split('.')) element = evaluator.member(element, part)
  return { ...sequenceOf(element), person: element.person, conversation: element.conversation }
}
