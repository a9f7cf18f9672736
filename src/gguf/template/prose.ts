/**
 * Pieces of a model's protocol: tags, special tokens, roles in brackets, code
 * fences, JSON keys, and the switches that models document.
 */
const MARKUP: readonly RegExp[] = [
  /<[|｜/!?]*[\w.:▁-]+(?: [\w-]+="?[^"<>]{0,40}"?){0,4}[|｜/]*>?/gu,
  /[\w▁-]*[|｜]+[\w▁-]*>/gu,
  /<[|｜]+[^<>|｜]{0,40}[|｜]+>/gu,
  /\[\/?[A-Z][A-Z0-9_ ]{0,30}\]?/g,
  /```\w*/g,
  /\{?\s*"[\w-]{1,30}"\s*:/g,
  /\/(?:no_?)?think\b|\/system_override\b/g,
  /[\w-]{1,30}>/g,
  // CONTINUE_FINAL_MESSAGE_TAG
  /\b[A-Z]+(?:_[A-Z]+){2,}\b/g,
]

/** Names of a message's fields and parts, which templates ask for as keys. */
const FIELDS = new Set(
  (
    'text content type role name value parts blocks image image_url images video video_url videos audio audio_url ' +
    'input_audio input_image input_text output_text file url data thinking reasoning reasoning_content tool_calls ' +
    'tool_call_id tool_use tool_result json_schema'
  ).split(' '),
)

/** Switches that models document for the system message, in words. */
const SWITCHES =
  /^\s*(?:detailed thinking (?:on|off)|(?:reasoning|thinking)[ _](?:effort|strength|mode)s?(?::\s*\w*)?)\s*$/i

/** Whether a text is of a model's protocol alone, and no words that a person would write. */
export function isMarkup(text: string): boolean {
  if (FIELDS.has(text) || SWITCHES.test(text)) return true
  let rest = text
  for (const pattern of MARKUP) rest = rest.replaceAll(pattern, '\u2063')
  // A role or a channel between two tags: `<|channel|>final<|message|>`.
  rest = rest.replaceAll(/\u2063\w{1,20}(?=\u2063)/g, '')
  return !/[\p{L}\p{N}]/u.test(rest)
}

/** Whether a text has words in a row, as a sentence has. */
export function isProse(text: string): boolean {
  const plain = text.replaceAll(/<[^<>]{0,80}>|\[\/?[A-Z_ ]{1,30}\]|[{}"`]/g, ' | ')
  return /(?<![\p{L}'’])(?:[\p{L}'’]{1,40}[,;:]?[ \n]{1,20}){4}[\p{L}'’]{2}/u.test(plain)
}

/** The sentences of a text, at most 200. */
export function sentencesOf(text: string): string[] {
  return text
    .split(/(?<=[.!?])\s+|\n+/)
    .map((each) => each.trim())
    .filter(isProse)
    .slice(0, 200)
}
