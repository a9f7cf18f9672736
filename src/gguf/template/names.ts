/**
 * What a chat template needs, seen in those of some hundred models: what is not
 * here is told. Block-lists lose, but what is known to lead out of the sandbox
 * is named as such.
 */

/** Names whose value is fixed. */
export const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
])

export const FUNCTIONS = new Set(['range', 'namespace', 'dict', 'raise_exception', 'strftime_now', 'caller'])

/** Globals of Jinja and of web frameworks that hold on to the interpreter. */
export const ESCAPE_HATCHES = new Set([
  'lipsum',
  'cycler',
  'joiner',
  'self',
  'url_for',
  'get_flashed_messages',
])
/** Names that a web framework fills, and that a template of a model has no use for. */
export const FRAMEWORK_NAMES = new Set(['request', 'config', 'session', 'g', 'current_app'])
export const INTERPRETER_FUNCTIONS = new Set(
  'open eval exec compile getattr setattr delattr hasattr globals locals vars dir type object super input breakpoint exit quit help memoryview classmethod staticmethod property import_module os sys subprocess popen system builtins importlib'.split(
    ' ',
  ),
)

export const METHODS = new Set(
  // Of texts.
  (
    'strip lstrip rstrip split rsplit splitlines startswith endswith replace lower upper title capitalize casefold swapcase ' +
    'find rfind index rindex count join partition rpartition removeprefix removesuffix zfill ljust rjust center format ' +
    'isdigit isalpha isalnum isnumeric isdecimal isspace isupper islower istitle isascii isidentifier expandtabs ' +
    // Of dicts and lists.
    'items keys values get pop popitem update setdefault copy append extend insert remove reverse sort clear add ' +
    // Of the loop.
    'cycle changed'
  ).split(' '),
)

export const LOOP_ATTRIBUTES = new Set(
  'index index0 revindex revindex0 first last length previtem nextitem depth depth0 cycle changed'.split(' '),
)

export const FILTERS = new Set(
  (
    'abs batch capitalize center count d default dictsort e escape first float forceescape format fromjson from_json ' +
    'groupby indent int items join last length list lower map max min pprint reject rejectattr replace reverse round ' +
    'safe select selectattr slice sort string striptags sum title tojson trim truncate unique upper urlencode wordcount ' +
    'wordwrap strip lstrip rstrip split startswith endswith'
  ).split(' '),
)

export const TESTS = new Set(
  (
    'boolean callable defined divisibleby eq equalto escaped even false float ge gt greaterthan in integer iterable ' +
    'le lessthan lower lt mapping ne none None null number odd sameas sequence string true undefined upper'
  ).split(' '),
)

/** Filters whose argument names an attribute. */
export const ATTRIBUTE_FILTERS = new Set(
  'map selectattr rejectattr sort groupby sum unique min max join'.split(' '),
)

/** Python's names between two double underscores that an escape goes through. */
const DUNDERS =
  /_{2}(?:abstractmethods|annotations|base|bases|bool|build_class|builtins|cached|call|class|class_getitem|closure|code|context|delattr|dict|dir|doc|enter|exit|file|format|func|get|getattr|getattribute|getitem|globals|import|init|init_subclass|instancecheck|iter|kwdefaults|loader|main|mappingproxy|module|mro|mro_entries|name|new|next|objclass|package|path|prepare|qualname|reduce|reduce_ex|repr|self|set_name|setattr|setstate|slots|spec|str|subclass|subclasscheck|subclasshook|subclasses|text_signature|weakref|wrapped)_{2}/i

/** Attributes of functions, frames, generators and Jinja's own objects, without such underscores. */
export const INTERNALS = new Set(
  (
    'mro func_globals func_code func_closure func_defaults gi_frame gi_code gi_yieldfrom cr_frame cr_code cr_await ag_frame ' +
    'ag_code f_globals f_locals f_builtins f_back f_code f_trace tb_frame tb_next co_code co_consts co_names im_func im_self ' +
    'im_class format_map eval_ctx exported_vars globals_keys filters_map catch_kwargs explicit_caller'
  ).split(' '),
)

/** The name of Python's internals that a text holds, also with spaces between; null where there is none. */
export function internalsIn(text: string): string | null {
  if (!text.includes('_')) return null
  return DUNDERS.exec(text.replaceAll(/\s+/g, ''))?.[0] ?? null
}

export type NameHazard = 'internals' | 'private' | null

/** How dangerous a name is as an attribute. */
export function attributeHazard(name: string): NameHazard {
  const plain = name.replaceAll(/\s+/g, '')
  if (INTERNALS.has(plain) || /^__|__$/.test(plain) || internalsIn(plain) !== null) return 'internals'
  return plain.startsWith('_') ? 'private' : null
}
